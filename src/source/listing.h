/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One directory's entries in byte order, in bounded memory.
 *
 * Order: names compare as bytes, a directory's with a slash behind it. That is what makes the walk
 * over a tree come out in the byte order of whole paths: "a.jpg" < "a/b.jpg" < "a0.jpg".
 *
 * Memory: a window holds the smallest names that have not been yielded yet. When it is empty and
 * the directory had more, the directory is read again for the next window. So a directory of ten
 * million names costs several readings, not its own size. Entries made or removed meanwhile may or
 * may not be seen; none is seen twice.
 */
#ifndef MR_SOURCE_LISTING_H
#define MR_SOURCE_LISTING_H

#include "base/buf.h"
#include "source/source.h"

typedef struct mr__listing {
    bool all_files;
    bool follow;
    bool nofollow_top; /* the directory itself must not have become a link */
    size_t max_bytes;  /* of a window */
    mr__source *owner; /* counts what is passed over, and says when to stop */
    mr__buf names;     /* the window: terminated names */
    mr__buf order;     /* uint32_t offsets into `names`, sorted */
    size_t next;       /* in `order` */
    mr__buf last;      /* the last name yielded, where the next window begins */
    mr__buf bound;     /* names from here on did not fit the window; empty: all did */
    bool filled;       /* the directory has been read at least once */
    bool more;         /* there are names beyond the window */
} mr__listing;

/* `owner` is borrowed. At least a few names are held, however small `max_bytes` is. */
void mr__listing_init(mr__listing *listing, mr__source *owner, const mr_source_options *options,
                      size_t max_bytes);
void mr__listing_fini(mr__listing *listing);

/*
 * The next file or directory in the directory `path` (the same at every call). A directory's name
 * ends with a slash. MR_OK, MR_EOF, MR_E_INTERRUPTED, MR_E_ITEM when this directory cannot be read
 * (code and errno say why), or an error. `*name` is borrowed until the next call.
 */
mr_status mr__listing_next(mr__listing *listing, const char *path, const char **name,
                           mr_error *err);

/* Bytes that the window holds now. */
size_t mr__listing_bytes(const mr__listing *listing);

/* Is it a picture by its name? */
bool mr__listing_is_image_name(const char *name);

#endif
