/* SPDX-License-Identifier: Apache-2.0 */
/* One directory's entries in byte order, in bounded memory. The rules are in listing.h. */
#include "source/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_WINDOW 1024

/* What people call picture files; whether one is, and of a kind that can be read, its bytes say. */
static const char *const image_extensions[] = {
    "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp",  "png",  "apng", "webp",
    "gif", "bmp",  "dib", "tif",  "tiff",  "avif", "heic", "heif", "jxl",
};

typedef enum kind { KIND_PASSED_OVER = 0, KIND_FILE, KIND_DIR } kind;

bool mr__listing_is_image_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t i;

    if (!dot)
        return false;
    for (i = 0; i < sizeof image_extensions / sizeof image_extensions[0]; i++)
        if (strcasecmp(dot + 1, image_extensions[i]) == 0)
            return true;
    return false;
}

void mr__listing_init(mr__listing *listing, mr__source *owner, const mr_source_options *options,
                      size_t max_bytes)
{
    *listing = (mr__listing){
        .all_files = options->all_files,
        .follow = options->follow,
        .max_bytes = max_bytes > MIN_WINDOW ? max_bytes : MIN_WINDOW,
        .owner = owner,
    };
    /* a window is pruned only after it went over, by one name */
    mr__buf_init(&listing->names, listing->max_bytes + 65536);
    mr__buf_init(&listing->order, listing->max_bytes + 65536);
    mr__buf_init(&listing->last, 65536);
    mr__buf_init(&listing->bound, 65536);
}

void mr__listing_fini(mr__listing *listing)
{
    mr__buf_fini(&listing->names);
    mr__buf_fini(&listing->order);
    mr__buf_fini(&listing->last);
    mr__buf_fini(&listing->bound);
}

size_t mr__listing_bytes(const mr__listing *listing)
{
    return listing->names.cap + listing->order.cap;
}

static size_t count_of(const mr__listing *listing)
{
    return listing->order.len / sizeof(uint32_t);
}

static const char *name_at(const mr__listing *listing, size_t index)
{
    uint32_t offset;

    memcpy(&offset, listing->order.data + index * sizeof offset, sizeof offset);
    return listing->names.data + offset;
}

static int compare(const void *a, const void *b, void *names)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return strcmp((const char *)names + x, (const char *)names + y);
}

static void sort(mr__listing *listing)
{
    if (listing->order.len > 0)
        qsort_r(listing->order.data, count_of(listing), sizeof(uint32_t), compare,
                listing->names.data);
}

/* Adds a terminated name to the window. */
static bool hold(mr__buf *names, mr__buf *order, const char *name)
{
    uint32_t offset = (uint32_t)names->len;

    return mr__buf_add(names, name, strlen(name) + 1) && mr__buf_add(order, &offset, sizeof offset);
}

/* Over the limit: keeps the smaller half of the names and remembers where it ends. */
static bool prune(mr__listing *listing)
{
    size_t i, keep = count_of(listing) / 2;
    mr__buf names, order;
    bool ok = true;

    sort(listing);
    mr__buf_init(&names, listing->names.max);
    mr__buf_init(&order, listing->order.max);
    for (i = 0; i < keep && ok; i++)
        ok = hold(&names, &order, name_at(listing, i));
    mr__buf_reset(&listing->bound);
    if (ok)
        ok = mr__buf_add(&listing->bound, name_at(listing, keep),
                         strlen(name_at(listing, keep)) + 1);
    mr__buf_fini(&listing->names);
    mr__buf_fini(&listing->order);
    listing->names = names;
    listing->order = order;
    listing->more = true;
    return ok;
}

/* `type` is d_type, or DT_UNKNOWN where the file system does not say. */
static kind classify(const mr__listing *listing, int dir_fd, const char *name, int type)
{
    struct stat st;
    bool wanted = listing->all_files || mr__listing_is_image_name(name);

    if (name[0] == '.')
        return KIND_PASSED_OVER;
    if (type == DT_UNKNOWN && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        type = (int)IFTODT(st.st_mode);
    if (type == DT_LNK && listing->follow) {
        /* a link to nothing or in a circle is yielded by its name: fetching it says so */
        if (fstatat(dir_fd, name, &st, 0) != 0)
            return wanted ? KIND_FILE : KIND_PASSED_OVER;
        type = (int)IFTODT(st.st_mode);
    }
    if (type == DT_DIR)
        return KIND_DIR;
    return type == DT_REG && wanted ? KIND_FILE : KIND_PASSED_OVER;
}

/* Puts one entry of the directory into the window, if it belongs there. */
static bool add_entry(mr__listing *listing, int dir_fd, const struct dirent *entry, mr__buf *name)
{
    kind what;

    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return true;
    what = classify(listing, dir_fd, entry->d_name, entry->d_type);
    if (what == KIND_PASSED_OVER) {
        if (!listing->filled)
            atomic_fetch_add(&listing->owner->ignored, 1);
        return true;
    }
    mr__buf_reset(name);
    if (!mr__buf_add(name, entry->d_name, strlen(entry->d_name)) ||
        (what == KIND_DIR && !mr__buf_add(name, "/", 1)))
        return false;
    if (listing->last.len > 0 && strcmp(name->data, listing->last.data) <= 0)
        return true;
    if (listing->bound.len > 0 && strcmp(name->data, listing->bound.data) >= 0)
        return true;
    if (!hold(&listing->names, &listing->order, name->data))
        return false;
    if (listing->names.len + listing->order.len <= listing->max_bytes || count_of(listing) < 2)
        return true;
    return prune(listing);
}

static mr_status read_entries(mr__listing *listing, DIR *dir, mr_error *err)
{
    const struct dirent *entry;
    mr_status status = MR_OK;
    mr__buf name;

    mr__buf_init(&name, 65536);
    for (;;) {
        if (mr__source_stopped(listing->owner->wake)) {
            status = MR_E_INTERRUPTED;
            break;
        }
        errno = 0;
        entry = readdir(dir);
        if (!entry) {
            if (errno)
                status = mr__error_errno(err, MR_E_ITEM, errno, "cannot read the directory");
            break;
        }
        if (!add_entry(listing, dirfd(dir), entry, &name)) {
            status = mr__error_no_memory(err, "directory");
            break;
        }
    }
    mr__buf_fini(&name);
    return status;
}

/* Reads the directory for the names that come after `last`. */
static mr_status fill(mr__listing *listing, const char *path, mr_error *err)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
    int fd, why;
    mr_status status;
    DIR *dir;

    mr__buf_reset(&listing->names);
    mr__buf_reset(&listing->order);
    mr__buf_reset(&listing->bound);
    listing->next = 0;
    listing->more = false;
    fd = open(path, flags | (listing->nofollow_top ? O_NOFOLLOW : 0));
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        why = errno;
        if (fd >= 0)
            (void)close(fd);
        if (why == EMFILE || why == ENFILE || why == ENOMEM)
            return mr__error_errno(err, MR_E_IO, why, "open directory %s", path);
        status = mr__error_errno(err, MR_E_ITEM, why, "cannot read the directory");
    } else {
        status = read_entries(listing, dir, err);
        (void)closedir(dir);
    }
    if (status == MR_E_ITEM && err)
        err->code = mr__code_of_errno(err->sys_errno);
    if (status != MR_OK) {
        /* half a window would come out in the wrong order: the next call begins it again */
        mr__buf_reset(&listing->names);
        mr__buf_reset(&listing->order);
        listing->more = true;
        return status;
    }
    sort(listing);
    listing->filled = true;
    return MR_OK;
}

mr_status mr__listing_next(mr__listing *listing, const char *path, const char **name, mr_error *err)
{
    mr_status status;

    if (listing->next >= count_of(listing)) {
        if (listing->filled && !listing->more)
            return MR_EOF;
        status = fill(listing, path, err);
        if (status != MR_OK)
            return status;
        if (count_of(listing) == 0)
            return MR_EOF;
    }
    *name = name_at(listing, listing->next++);
    mr__buf_reset(&listing->last);
    if (listing->more && listing->next == count_of(listing) &&
        !mr__buf_add(&listing->last, *name, strlen(*name)))
        return mr__error_no_memory(err, "directory");
    return MR_OK;
}
