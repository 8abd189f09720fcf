/* SPDX-License-Identifier: Apache-2.0 */
/* Exact top-k against a brute-force reference in double, and kernel levels against each other. */
#include "fixture.h"

#include <math.h>

#include "store/topk.h"

#define MAX_ROWS 700u
#define MAX_DIM  1025u

typedef struct data {
    float query[MAX_DIM];
    float *rows;
    int64_t numbers[MAX_ROWS];
} data;

static uint64_t rng_state = 42;

static uint64_t rng(void)
{
    rng_state = rng_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return rng_state >> 33;
}

/* Small whole numbers: every sum is exact, so ranks are exact too and ties are frequent. */
static float whole_number(void)
{
    return (float)(rng() % 7) - 3.0f;
}

/* Of very different sizes: a different order of summation shows. */
static float wild(void)
{
    return ldexpf((float)(rng() % 20001) - 10000.0f, (int)(rng() % 24) - 20);
}

static data *make_data(float (*value)(void), uint32_t dim)
{
    data *d = calloc(1, sizeof *d);
    size_t i;

    assert_non_null(d);
    d->rows = calloc((size_t)MAX_ROWS * dim, sizeof(float));
    assert_non_null(d->rows);
    for (i = 0; i < dim; i++)
        d->query[i] = value();
    for (i = 0; i < (size_t)MAX_ROWS * dim; i++)
        d->rows[i] = value();
    for (i = 0; i < MAX_ROWS; i++)
        d->numbers[i] = (int64_t)(3 * i + 1);
    return d;
}

static void free_data(data *d)
{
    free(d->rows);
    free(d);
}

static double reference(mr_metric metric, const float *a, const float *b, uint32_t dim)
{
    double ip = 0, aa = 0, bb = 0, l2 = 0;
    uint32_t j;

    for (j = 0; j < dim; j++) {
        double x = (double)a[j], y = (double)b[j];
        ip += x * y;
        aa += x * x;
        bb += y * y;
        l2 += (x - y) * (x - y);
    }
    if (metric == MR_METRIC_IP)
        return ip;
    if (metric == MR_METRIC_L2)
        return -l2;
    return aa * bb == 0.0 ? 0.0 : ip / (sqrt(aa) * sqrt(bb));
}

typedef struct ranked {
    float score;
    int64_t row;
} ranked;

static int by_rank(const void *left, const void *right)
{
    const ranked *a = left, *b = right;

    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* The same ranks as sorting everything, ties included. */
static void check_ranks(const data *d, mr_metric metric, uint32_t dim, size_t n, size_t k)
{
    ranked all[MAX_ROWS];
    mr__topk topk;
    mr_error err = {0};
    size_t i, half = n / 2;

    for (i = 0; i < n; i++)
        all[i] =
            (ranked){(float)reference(metric, d->query, d->rows + i * dim, dim), d->numbers[i]};
    qsort(all, n, sizeof all[0], by_rank);
    assert_ok(mr__topk_init(&topk, &(mr__topk_spec){d->query, k, dim, metric, MR__CPU_C}, &err),
              err);
    mr__topk_scan(&topk, d->rows, d->numbers, half);
    mr__topk_scan(&topk, d->rows + half * dim, d->numbers + half, n - half);
    mr__topk_sort(&topk);
    assert_int_equal(topk.n, k < n ? k : n);
    for (i = 0; i < topk.n; i++) {
        assert_int_equal(topk.heap[i].row, all[i].row);
        assert_true(topk.heap[i].score == all[i].score);
    }
    mr__topk_fini(&topk);
}

static void test_ranks(void **state)
{
    static const uint32_t dims[] = {1, 2, 3, 7, 31, 32, 33, 64, 100, 512, 1025};
    static const size_t ks[] = {1, 2, 10, 255, 256, 700, 5000};
    size_t i, j;

    (void)state;
    for (i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        data *d = make_data(whole_number, dims[i]);
        for (j = 0; j < sizeof ks / sizeof ks[0]; j++) {
            check_ranks(d, MR_METRIC_IP, dims[i], MAX_ROWS, ks[j]);
            check_ranks(d, MR_METRIC_L2, dims[i], MAX_ROWS, ks[j]);
        }
        check_ranks(d, MR_METRIC_IP, dims[i], 0, 10);
        check_ranks(d, MR_METRIC_L2, dims[i], 1, 10);
        free_data(d);
    }
}

/* Scores of real numbers are those of the reference but for rounding; COSINE too. */
static void test_scores(void **state)
{
    static const uint32_t dims[] = {1, 5, 96, 512, 1025};
    mr_error err = {0};
    size_t i, r;
    int m;

    (void)state;
    for (i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        data *d = make_data(whole_number, dims[i]);
        memset(d->rows + 2 * dims[i], 0, dims[i] * sizeof(float));
        for (r = 0; r < (size_t)MAX_ROWS * dims[i]; r++)
            d->rows[r] *= 0.1f;
        for (m = MR_METRIC_IP; m <= MR_METRIC_COSINE; m++) {
            mr__topk topk;
            assert_ok(mr__topk_init(
                          &topk,
                          &(mr__topk_spec){d->query, MAX_ROWS, dims[i], (mr_metric)m, MR__CPU_C},
                          &err),
                      err);
            mr__topk_scan(&topk, d->rows, d->numbers, MAX_ROWS);
            mr__topk_sort(&topk);
            assert_int_equal(topk.n, MAX_ROWS);
            for (r = 0; r < topk.n; r++) {
                size_t at = (size_t)(topk.heap[r].row - 1) / 3;
                double expected =
                    reference((mr_metric)m, d->query, d->rows + at * dims[i], dims[i]);
                assert_true(fabs((double)topk.heap[r].score - expected) <=
                            2e-5 * (1.0 + fabs(expected)));
                assert_true(r == 0 || topk.heap[r].score <= topk.heap[r - 1].score);
            }
            mr__topk_fini(&topk);
        }
        free_data(d);
    }
}

static void test_not_a_number(void **state)
{
    float rows[6][2] = {{NAN, 1}, {1, 0}, {INFINITY, -INFINITY}, {0, 0}, {INFINITY, 0}, {2, 0}};
    const int64_t numbers[6] = {0, 1, 2, 3, 4, 5};
    const float query[2] = {1, 1};
    mr__topk topk;
    mr_error err = {0};

    (void)state;
    assert_ok(mr__topk_init(&topk, &(mr__topk_spec){query, 6, 2, MR_METRIC_IP, MR__CPU_C}, &err),
              err);
    mr__topk_scan(&topk, rows[0], numbers, 6);
    mr__topk_sort(&topk);
    assert_int_equal(topk.n, 4);
    assert_int_equal(topk.heap[0].row, 4);
    assert_int_equal(topk.heap[1].row, 5);
    assert_int_equal(topk.heap[3].row, 3);
    mr__topk_fini(&topk);
    assert_ok(
        mr__topk_init(&topk, &(mr__topk_spec){query, 6, 2, MR_METRIC_COSINE, MR__CPU_C}, &err),
        err);
    mr__topk_scan(&topk, rows[0], numbers, 6);
    mr__topk_sort(&topk);
    assert_int_equal(topk.n, 3);
    assert_int_equal(topk.heap[2].row, 3);
    assert_true(topk.heap[2].score == 0.0f);
    mr__topk_fini(&topk);
}

typedef struct scores {
    float ip[4], l2[4], ip_norm[4], norms[4];
} scores;

static scores run_kernels(mr__cpu_level level, const data *d, uint32_t dim)
{
    const mr__score_kernels *kernels = mr__score_kernels_get(level);
    scores s;

    kernels->ip(d->query, d->rows, 4, dim, s.ip);
    kernels->l2(d->query, d->rows, 4, dim, s.l2);
    kernels->ip_norm(d->query, d->rows, 4, dim, s.ip_norm, s.norms);
    return s;
}

/* The same to the bit at every level and dimension. That another order would be seen is shown by
 * summing from left to right. */
static void test_levels_are_equal(void **state)
{
    data *d = make_data(wild, MAX_DIM);
    mr__cpu_level best, level;
    unsigned differing = 0;
    uint32_t dim, j;
    mr_error err = {0};

    (void)state;
    assert_ok(mr__cpu_level_detect(NULL, &best, &err), err);
    for (dim = 1; dim <= MAX_DIM; dim++) {
        scores expected = run_kernels(MR__CPU_C, d, dim);
        float plain = 0.0f;
        for (level = MR__CPU_C; level <= best; level = (mr__cpu_level)(level + 1)) {
            scores got = run_kernels(level, d, dim);
            assert_memory_equal(&got, &expected, sizeof got);
        }
        for (j = 0; j < dim; j++)
            plain += d->query[j] * d->rows[j];
        differing += plain != expected.ip[0];
    }
    assert_true(differing > MAX_DIM / 2);
    free_data(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_levels_are_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
