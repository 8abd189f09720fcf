/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of the C API of ONNX Runtime that is used here, declared by slot number.
 *
 * The library exports one function, OrtGetApiBase; everything else is a table of function pointers
 * that only ever grows: the number of a slot never changes (onnxruntime_c_api.h says so above
 * OrtApi). So neither its header nor a certain version is needed to build, and any library of 1.17
 * or newer serves.
 */
#ifndef MR_EMBED_ONNX_ORT_H
#define MR_EMBED_ONNX_ORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { MR__ORT_API = 17 }; /* the API level asked for; equals the minor version */

/* Element types and kinds, as the C API numbers them. */
enum { MR__ORT_FLOAT = 1, MR__ORT_UINT8 = 2, MR__ORT_FLOAT16 = 10, MR__ORT_BFLOAT16 = 16 };

/* Error codes, as the C API numbers them. */
enum { MR__ORT_INVALID_ARGUMENT = 2 };

typedef struct mr__ort_status mr__ort_status;
typedef struct mr__ort_env mr__ort_env;
typedef struct mr__ort_session mr__ort_session;
typedef struct mr__ort_options mr__ort_options;
typedef struct mr__ort_value mr__ort_value;
typedef struct mr__ort_memory mr__ort_memory;
typedef struct mr__ort_allocator mr__ort_allocator;
typedef struct mr__ort_type mr__ort_type;   /* OrtTypeInfo */
typedef struct mr__ort_shape mr__ort_shape; /* OrtTensorTypeAndShapeInfo */
typedef struct mr__ort_run mr__ort_run;     /* OrtRunOptions */
typedef struct mr__ort_cuda mr__ort_cuda;
typedef struct mr__ort_tensorrt mr__ort_tensorrt;

typedef void mr__ort_log(void *cookie, int severity, const char *category, const char *id,
                         const char *location, const char *message);

/* Functions answer NULL for success, else a status to be released. */
typedef struct mr__ort_api {
    int (*get_error_code)(const mr__ort_status *status);
    const char *(*get_error_message)(const mr__ort_status *status);
    void (*release_status)(mr__ort_status *status);

    mr__ort_status *(*create_env)(mr__ort_log *log, void *cookie, int level, const char *id,
                                  mr__ort_env **out);
    void (*release_env)(mr__ort_env *env);
    mr__ort_status *(*create_options)(mr__ort_options **out);
    void (*release_options)(mr__ort_options *options);
    mr__ort_status *(*set_optimisation)(mr__ort_options *options, int level);
    mr__ort_status *(*set_intra_threads)(mr__ort_options *options, int threads);
    mr__ort_status *(*set_inter_threads)(mr__ort_options *options, int threads);
    mr__ort_status *(*add_config)(mr__ort_options *options, const char *key, const char *value);

    mr__ort_status *(*create_session)(const mr__ort_env *env, const char *path,
                                      const mr__ort_options *options, mr__ort_session **out);
    void (*release_session)(mr__ort_session *session);
    mr__ort_status *(*input_count)(const mr__ort_session *session, size_t *out);
    mr__ort_status *(*output_count)(const mr__ort_session *session, size_t *out);
    mr__ort_status *(*input_type)(const mr__ort_session *session, size_t i, mr__ort_type **out);
    mr__ort_status *(*output_type)(const mr__ort_session *session, size_t i, mr__ort_type **out);
    mr__ort_status *(*input_name)(const mr__ort_session *session, size_t i,
                                  mr__ort_allocator *allocator, char **out);
    mr__ort_status *(*output_name)(const mr__ort_session *session, size_t i,
                                   mr__ort_allocator *allocator, char **out);
    mr__ort_status *(*run)(mr__ort_session *session, const mr__ort_run *options,
                           const char *const *input_names, const mr__ort_value *const *inputs,
                           size_t n_inputs, const char *const *output_names, size_t n_outputs,
                           mr__ort_value **outputs);

    mr__ort_status *(*type_to_shape)(const mr__ort_type *type, const mr__ort_shape **out);
    void (*release_type)(mr__ort_type *type);
    mr__ort_status *(*value_shape)(const mr__ort_value *value, mr__ort_shape **out);
    void (*release_shape)(mr__ort_shape *shape);
    mr__ort_status *(*element_type)(const mr__ort_shape *shape, int *out);
    mr__ort_status *(*rank)(const mr__ort_shape *shape, size_t *out);
    mr__ort_status *(*dimensions)(const mr__ort_shape *shape, int64_t *out, size_t n);

    mr__ort_status *(*create_memory)(int allocator, int type, mr__ort_memory **out);
    void (*release_memory)(mr__ort_memory *memory);
    mr__ort_status *(*default_allocator)(mr__ort_allocator **out);
    mr__ort_status *(*allocator_free)(mr__ort_allocator *allocator, void *p);
    mr__ort_status *(*create_tensor)(const mr__ort_memory *memory, void *data, size_t bytes,
                                     const int64_t *shape, size_t rank, int element_type,
                                     mr__ort_value **out);
    mr__ort_status *(*is_tensor)(const mr__ort_value *value, int *out);
    mr__ort_status *(*tensor_data)(mr__ort_value *value, void **out);
    void (*release_value)(mr__ort_value *value);

    mr__ort_status *(*providers)(char ***out, int *n);
    mr__ort_status *(*release_providers)(char **providers, int n);
    mr__ort_status *(*create_cuda)(mr__ort_cuda **out);
    mr__ort_status *(*update_cuda)(mr__ort_cuda *cuda, const char *const *keys,
                                   const char *const *values, size_t n);
    mr__ort_status *(*append_cuda)(mr__ort_options *options, const mr__ort_cuda *cuda);
    void (*release_cuda)(mr__ort_cuda *cuda);
    mr__ort_status *(*create_tensorrt)(mr__ort_tensorrt **out);
    mr__ort_status *(*update_tensorrt)(mr__ort_tensorrt *tensorrt, const char *const *keys,
                                       const char *const *values, size_t n);
    mr__ort_status *(*append_tensorrt)(mr__ort_options *options, const mr__ort_tensorrt *tensorrt);
    void (*release_tensorrt)(mr__ort_tensorrt *tensorrt);
    mr__ort_status *(*append_openvino)(mr__ort_options *options, const char *const *keys,
                                       const char *const *values, size_t n);
} mr__ort_api;

/* A loaded library. Stays loaded until the process ends. */
typedef struct mr__ort {
    mr__ort_api api;
    char version[32];
    char path[4096];
} mr__ort;

/*
 * Finds and loads the library. `path` (a file, or a folder that holds it), if not NULL, is the only
 * place; else MILLRACE_ONNXRUNTIME is, if set; else the loader's path, then the usual places of
 * Python packages. MR_E_ENV says what was tried and the next step. Any thread.
 */
mr_status mr__ort_load(const char *path, mr__ort *out, mr_error *err);

/* MR_OK for NULL; else MR_E_ENV with what the library says, and the status is released. */
mr_status mr__ort_check(const mr__ort *ort, mr__ort_status *status, const char *what,
                        mr_error *err);

/* "float32" */
const char *mr__ort_type_name(int element_type);

#endif
