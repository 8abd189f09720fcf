/* SPDX-License-Identifier: Apache-2.0 */
/* The builtin descriptor as a whole: which plans it reads, and that its bytes never vary. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "embed/embed.h"

enum { DIM = 512, N = 9 };

static const char preset[] = "millrace/builtin";

/* FNV-1a of the vectors of the scenes below. A change of it is a change of every stored vector. */
static const uint64_t golden = UINT64_C(0xc4c6c4167b5cb454);

static mr_embedder *open_builtin(const char *name, mr_row_shape *shape)
{
    mr_embedder *embedder = NULL;
    mr_plan *plan = NULL;
    mr_error err;

    assert_int_equal(mr_plan_open(name, &plan, &err), MR_OK);
    *shape = mr_plan_row_shape(plan);
    assert_int_equal(mr_embedder_open("builtin", plan, NULL, &embedder, &err), MR_OK);
    mr_plan_close(&plan);
    return embedder;
}

/* A value in 0..255 at the place (u, v) in [0, 1) of picture number `kind`. */
static uint8_t scene(unsigned kind, double u, double v, size_t channel)
{
    unsigned x = (unsigned)(u * 256.0), y = (unsigned)(v * 256.0);
    unsigned disc = (x - 90) * (x - 90) + (y - 120) * (y - 120) < 3600 + 700 * kind ? 90 : 0;

    return (uint8_t)((x * (kind + channel + 1) / 3 + y * (4 - channel) / 4 + disc) % 256);
}

static void *make_rows(const mr_row_shape *shape, size_t n)
{
    uint8_t *rows = calloc(n, shape->bytes);

    assert_non_null(rows);
    for (size_t i = 0; i < shape->bytes * n; i++) {
        size_t in_row = i % shape->bytes, pixel = in_row / 3;
        double u = ((double)(pixel % shape->width) + 0.5) / shape->width;
        double v = ((double)(pixel / shape->width) + 0.5) / shape->height;
        rows[i] = scene((unsigned)(i / shape->bytes), u, v, in_row % 3);
    }
    return rows;
}

static void embed(mr_embedder *embedder, const void *rows, size_t n, float *vectors)
{
    mr_error err;

    if (mr_embedder_run(embedder, rows, n, vectors, &err) != MR_OK)
        fail_msg("%s", err.message);
}

static double dot(const float *a, const float *b)
{
    double sum = 0.0;

    for (size_t d = 0; d < DIM; d++)
        sum += (double)a[d] * (double)b[d];
    return sum;
}

static uint64_t fnv1a(const void *bytes, size_t n)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void test_facts(void **state)
{
    mr_embedder *embedder;
    mr_embedder_info info;
    float vector[DIM];
    mr_error err;

    (void)state;
    assert_int_equal(mr_embedder_open("builtin", NULL, NULL, &embedder, &err), MR_OK);
    mr_embedder_info_get(embedder, &info);
    assert_string_equal(info.spec, "builtin");
    assert_string_equal(info.plan, preset);
    assert_int_equal(info.dim, DIM);
    assert_true(info.concurrency >= 1);
    assert_int_equal(mr_embedder_run(embedder, vector, 1, vector, &err), MR_E_INVALID);
    mr_embedder_close(&embedder);
}

/* The same bytes from every compiler, CPU and optimisation level: a store outlives all of them. */
static void test_golden_bytes(void **state)
{
    mr_row_shape shape;
    mr_embedder *embedder = open_builtin(preset, &shape);
    void *rows = make_rows(&shape, N);
    static float vectors[N * DIM];

    (void)state;
    embed(embedder, rows, N, vectors);
    assert_int_equal(fnv1a(vectors, sizeof vectors), golden);
    ((uint8_t *)rows)[64 * 128 * 3] ^= 0x80;
    embed(embedder, rows, N, vectors);
    assert_int_not_equal(fnv1a(vectors, sizeof vectors), golden);
    free(rows);
    mr_embedder_close(&embedder);
}

static void test_same_in_any_batch(void **state)
{
    mr_row_shape shape;
    mr_embedder *embedder = open_builtin(preset, &shape);
    uint8_t *rows = make_rows(&shape, N);
    static float together[N * DIM], alone[DIM];

    (void)state;
    embed(embedder, rows, N, together);
    for (size_t i = N; i-- > 0;) {
        embed(embedder, rows + i * shape.bytes, 1, alone);
        assert_memory_equal(alone, together + i * DIM, sizeof alone);
        assert_true(fabs(dot(alone, alone) - 1.0) < 1e-6);
    }
    /* and the pictures are told apart: unequal rows are no accident of a constant */
    assert_true(dot(together, together + DIM) < 0.995);
    free(rows);
    mr_embedder_close(&embedder);
}

typedef struct job {
    mr_embedder *embedder;
    const uint8_t *rows;
    const float *expected;
    bool equal;
} job;

static void *many_runs(void *cookie)
{
    job *self = cookie;
    float vectors[N * DIM];
    mr_error err;

    self->equal = true;
    for (int i = 0; i < 10; i++) {
        if (mr_embedder_run(self->embedder, self->rows, N, vectors, &err) != MR_OK ||
            memcmp(vectors, self->expected, sizeof vectors) != 0)
            self->equal = false;
    }
    return NULL;
}

static void test_calls_at_once(void **state)
{
    mr_row_shape shape;
    mr_embedder *embedder = open_builtin(preset, &shape);
    uint8_t *rows = make_rows(&shape, N);
    static float expected[N * DIM];
    pthread_t threads[64];
    job jobs[64];
    mr_embedder_info info;

    (void)state;
    mr_embedder_info_get(embedder, &info);
    assert_true(info.concurrency <= 64);
    embed(embedder, rows, N, expected);
    for (size_t i = 0; i < info.concurrency; i++) {
        jobs[i] = (job){.embedder = embedder, .rows = rows, .expected = expected};
        assert_int_equal(pthread_create(&threads[i], NULL, many_runs, &jobs[i]), 0);
    }
    for (size_t i = 0; i < info.concurrency; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(jobs[i].equal);
    }
    free(rows);
    mr_embedder_close(&embedder);
}

/* The pictures of `bytes` as the normalised float32 NCHW rows of the same size. */
static float *as_planes(const uint8_t *bytes, const mr_row_shape *shape, float mean, float std)
{
    size_t pixels = (size_t)shape->width * shape->height;
    float *rows = calloc(3 * N * pixels, sizeof *rows);

    assert_non_null(rows);
    for (size_t i = 0; i < N * 3 * pixels; i++) {
        size_t row = i / (3 * pixels), channel = i / pixels % 3, pixel = i % pixels;
        float v = (float)bytes[(row * pixels + pixel) * 3 + channel];
        rows[i] = (v / 255.0F - mean) / std;
    }
    return rows;
}

static void test_reads_other_plans(void **state)
{
    mr_row_shape shape, square, planes;
    mr_embedder *small = open_builtin(preset, &shape);
    mr_embedder *bytes = open_builtin("raw:224x224", &square);
    mr_embedder *floats = open_builtin("google/siglip-base-patch16-224@transformers", &planes);
    uint8_t *rows = make_rows(&shape, N), *large = make_rows(&square, N);
    float *normalised = as_planes(large, &square, 0.5F, 0.5F);
    static float a[N * DIM], b[N * DIM], c[N * DIM];

    (void)state;
    assert_int_equal(planes.layout, MR_LAYOUT_NCHW);
    assert_int_equal(planes.dtype, MR_DTYPE_F32);
    embed(small, rows, N, a);
    embed(bytes, large, N, b);
    embed(floats, normalised, N, c);
    for (size_t i = 0; i < N; i++) {
        assert_true(dot(a + i * DIM, b + i * DIM) > 0.97);
        assert_true(dot(b + i * DIM, c + i * DIM) > 0.99999);
        assert_true(dot(b + i * DIM, c + (i + 1) % N * DIM) < 0.99);
    }
    free(rows);
    free(large);
    free(normalised);
    mr_embedder_close(&small);
    mr_embedder_close(&bytes);
    mr_embedder_close(&floats);
}

static void test_names_what_it_needs(void **state)
{
    mr_embedder *embedder;
    mr_row_shape shape;
    mr_plan *plan;
    mr_error err;

    (void)state;
    assert_int_equal(mr_plan_open("raw:15x64", &plan, &err), MR_OK);
    assert_int_equal(mr_embedder_open("builtin", plan, NULL, &embedder, &err), MR_E_INVALID);
    assert_string_equal(err.message,
                        "embedder builtin: needs a plan of at least 16x16 pixels, not 15x64");
    mr_plan_close(&plan);
    embedder = open_builtin("raw:16x16", &shape);
    mr_embedder_close(&embedder);
}

/* Nothing to see, or nonsense from a captured worker: still a unit vector of finite numbers. */
static void test_degenerate_rows(void **state)
{
    mr_row_shape shape;
    mr_embedder *embedder = open_builtin("google/siglip-base-patch16-224@transformers", &shape);
    const float values[] = {0.0F, -1.0F, 1.0F, 1e30F, -1e30F, INFINITY, -INFINITY, NAN};
    size_t n = shape.bytes / sizeof(float);
    float *row = malloc(shape.bytes), vector[DIM];

    (void)state;
    assert_non_null(row);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        for (size_t k = 0; k < n; k++)
            row[k] = k % 7 == 6 && i > 2 ? 0.25F : values[i];
        embed(embedder, row, 1, vector);
        for (size_t d = 0; d < DIM; d++)
            assert_true(isfinite(vector[d]));
        assert_true(fabs(dot(vector, vector) - 1.0) < 1e-6);
    }
    free(row);
    mr_embedder_close(&embedder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_same_in_any_batch),
        cmocka_unit_test(test_calls_at_once),
        cmocka_unit_test(test_reads_other_plans),
        cmocka_unit_test(test_names_what_it_needs),
        cmocka_unit_test(test_degenerate_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
