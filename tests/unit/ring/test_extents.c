/* SPDX-License-Identifier: Apache-2.0 */
/* Extents against a map with one flag a unit, over random takes and gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proc/extents.h"

#define UNIT     64
#define UNITS    97
#define MAX_HELD 24
#define ROUNDS   200000

typedef struct held {
    uint64_t offset, bytes;
} held;

static uint32_t seed = 12345;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static size_t units_of(uint64_t bytes)
{
    return bytes == 0 ? 1 : (bytes + UNIT - 1) / UNIT;
}

/* First fit over the map: the first unit of a gap of `n`, or UNITS. */
static size_t first_fit(const bool *taken, size_t n)
{
    size_t i, run = 0;

    for (i = 0; i < UNITS; i++) {
        run = taken[i] ? 0 : run + 1;
        if (run == n)
            return i + 1 - n;
    }
    return UNITS;
}

static void check(const mr__extents *extents, const bool *taken)
{
    size_t i, used = 0, gaps = 0;

    for (i = 0; i < UNITS; i++) {
        used += taken[i];
        gaps += !taken[i] && (i == 0 || taken[i - 1]);
    }
    assert_int_equal(extents->in_use, used * UNIT);
    assert_int_equal(extents->n_free, gaps);
}

static void take_one(mr__extents *extents, bool *taken, held *out, size_t *n)
{
    uint64_t bytes = pick(UNIT * 12), offset = UINT64_MAX;
    size_t want = units_of(bytes), at = first_fit(taken, want);
    bool got = mr__extents_take(extents, bytes, &offset);

    assert_int_equal(got, at != UNITS);
    if (!got)
        return;
    assert_int_equal(offset, at * UNIT);
    memset(taken + at, true, want);
    out[(*n)++] = (held){.offset = offset, .bytes = bytes};
}

static void test_random(void **state)
{
    mr__extents extents;
    bool taken[UNITS] = {false};
    held list[MAX_HELD];
    size_t n = 0, round;

    (void)state;
    assert_int_equal(mr__extents_init(&extents, UNIT * UNITS, UNIT, MAX_HELD, NULL), MR_OK);
    mr__extents_add(&extents, 0, UNIT * UNITS);
    for (round = 0; round < ROUNDS; round++) {
        if (n < MAX_HELD && pick(2) == 0) {
            take_one(&extents, taken, list, &n);
        } else if (n > 0) {
            size_t i = pick((uint32_t)n);
            mr__extents_give(&extents, list[i].offset, list[i].bytes);
            memset(taken + list[i].offset / UNIT, false, units_of(list[i].bytes));
            list[i] = list[--n];
        }
        if (round % 16 == 0)
            check(&extents, taken);
    }
    while (n > 0) {
        n--;
        mr__extents_give(&extents, list[n].offset, list[n].bytes);
    }
    assert_int_equal(extents.n_free, 1);
    assert_int_equal(extents.free[0].bytes, UNIT * UNITS);
    assert_int_equal(extents.in_use, 0);
    mr__extents_fini(&extents);
}

static void test_too_much(void **state)
{
    mr__extents extents;
    uint64_t offset;

    (void)state;
    assert_int_equal(mr__extents_init(&extents, UNIT * 4, UNIT, 4, NULL), MR_OK);
    assert_int_equal(extents.in_use, UNIT * 4);
    assert_false(mr__extents_take(&extents, 1, &offset));
    mr__extents_add(&extents, 0, UNIT * 4);
    assert_false(mr__extents_take(&extents, UNIT * 4 + 1, &offset));
    assert_false(mr__extents_take(&extents, UINT64_MAX, &offset));
    assert_true(mr__extents_take(&extents, UNIT * 4, &offset));
    assert_int_equal(offset, 0);
    assert_false(mr__extents_take(&extents, 0, &offset));
    mr__extents_fini(&extents);
}

/* What is kept of a larger taking is all that is taken, and can be given back as such. */
static void test_trim(void **state)
{
    mr__extents extents;
    uint64_t first, second, third;

    (void)state;
    assert_int_equal(mr__extents_init(&extents, UNIT * 10, UNIT, 4, NULL), MR_OK);
    mr__extents_add(&extents, 0, UNIT * 10);
    assert_true(mr__extents_take(&extents, UNIT * 8, &first));
    assert_true(mr__extents_take(&extents, UNIT, &second));
    mr__extents_trim(&extents, first, UNIT * 8, UNIT * 8 - UNIT + 1); /* the same when rounded */
    assert_int_equal(extents.in_use, UNIT * 9);
    mr__extents_trim(&extents, first, UNIT * 8, UNIT + 1);
    assert_int_equal(extents.in_use, UNIT * 3);
    assert_true(mr__extents_take(&extents, UNIT * 6, &third));
    assert_int_equal(third, first + UNIT * 2);
    mr__extents_trim(&extents, third, UNIT * 6, 0); /* nothing is one unit, as for take and give */
    mr__extents_give(&extents, third, 0);
    mr__extents_give(&extents, first, UNIT + 1);
    mr__extents_give(&extents, second, UNIT);
    assert_int_equal(extents.in_use, 0);
    assert_int_equal(extents.n_free, 1);
    assert_int_equal(extents.n_taken, 0);
    mr__extents_fini(&extents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
