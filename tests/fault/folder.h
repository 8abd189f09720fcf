/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of pictures on the disk, and what a run must not leave behind. */
#ifndef MR_TESTS_FOLDER_H
#define MR_TESTS_FOLDER_H

#include <stddef.h>

#define FOLDER_PICTURES 6

/* Makes a folder with FOLDER_PICTURES pictures in `pictures`; the name is kept until folder_remove.
 */
const char *folder_make(void);
void folder_remove(void);

/* Removes the store `name` of the folder and what belongs to it. */
void folder_remove_store(const char *name);

/* From here on the test dies, and says what it was about, unless folder_assert_clean comes soon. */
void folder_watch(const char *what, unsigned long nth);

/* Fails the test if descriptors (against `files`) or children are left. */
void folder_assert_clean(size_t files, const char *what, unsigned long nth);

#endif
