/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a model: see model.h. */
#include "embed/onnx/model.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { CHUNK = 1 << 20 };

mr_status mr__onnx_model_find(mr__onnx_options *options, mr_error *err)
{
    struct stat info;
    char *path = realpath(options->model, NULL);
    bool fits;

    if (!path)
        return mr__error_errno(err, MR_E_ENV, errno, "embedder onnx: model %s", options->model);
    fits = mr__text_copy(options->model, sizeof options->model, path);
    free(path);
    if (!fits)
        return mr__error_set(err, MR_E_INVALID, "embedder onnx: the path is too long");
    if (stat(options->model, &info) != 0 || access(options->model, R_OK) != 0)
        return mr__error_errno(err, MR_E_ENV, errno, "embedder onnx: model %s", options->model);
    if (!S_ISREG(info.st_mode))
        return mr__error_set(err, MR_E_ENV, "embedder onnx: model %s: is no regular file",
                             options->model);
    return MR_OK;
}

/* Adds a file to the digest. `optional`: it need not exist. */
static mr_status add_file(struct sha256_ctx *sha, const char *path, bool optional, mr_error *err)
{
    uint8_t *chunk;
    mr_status status = MR_OK;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && optional && errno == ENOENT)
        return MR_OK;
    if (fd < 0)
        return mr__error_errno(err, MR_E_ENV, errno, "embedder onnx: model %s", path);
    chunk = malloc(CHUNK);
    if (!chunk) {
        (void)close(fd);
        return mr__error_no_memory(err, "embedder onnx");
    }
    do {
        n = read(fd, chunk, CHUNK);
        if (n > 0)
            sha256_update(sha, (size_t)n, chunk);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0)
        status = mr__error_errno(err, MR_E_ENV, errno, "embedder onnx: model %s", path);
    free(chunk);
    (void)close(fd);
    return status;
}

mr_status mr__onnx_model_digest(mr__onnx_options *options, mr_error *err)
{
    static const char *const endings[] = {"", ".data", "_data"};
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[64 + 1], path[MR__ONNX_PATH_SIZE];
    struct sha256_ctx sha;
    mr_status status = MR_OK;

    sha256_init(&sha);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0] && status == MR_OK; i++) {
        if (mr__text_copy(path, sizeof path, options->model) &&
            mr__text_append(path, sizeof path, endings[i]))
            status = add_file(&sha, path, i > 0, err);
    }
    if (status != MR_OK)
        return status;
    sha256_digest(&sha, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (options->sha256[0] && strcmp(options->sha256, hex) != 0)
        return mr__error_set(err, MR_E_MISMATCH,
                             "embedder onnx: model %s has sha256 %s, wanted was %s: it was changed "
                             "since; put the old one back, or begin a new collection",
                             options->model, hex, options->sha256);
    (void)mr__text_copy(options->sha256, sizeof options->sha256, hex);
    return MR_OK;
}
