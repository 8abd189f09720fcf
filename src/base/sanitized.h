/* SPDX-License-Identifier: Apache-2.0 */
/* Is this a sanitizer build? Their run-time needs system calls and address space that the sandbox
 * takes away. */
#ifndef MR_BASE_SANITIZED_H
#define MR_BASE_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MR__SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define MR__SANITIZED 1
#endif
#endif

#ifndef MR__SANITIZED
#define MR__SANITIZED 0
#endif

#endif
