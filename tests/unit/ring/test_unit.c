/* SPDX-License-Identifier: Apache-2.0 */
/* The unit word and the words of memory, one call after the other. What two sides do to them at
 * once is the explorer's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ring/need.h"
#include "ring/unit.h"

static mr__control control;

static int clean(void **state)
{
    (void)state;
    memset(&control, 0, sizeof control);
    return 0;
}

static mr__unit_desc make_desc(uint32_t n)
{
    mr__unit_desc desc = {.n_items = n, .plan_cell = 3, .plan_version = 9, .max_pixels = 77};
    uint32_t i;

    for (i = 0; i < n && i < MR__UNIT_ITEMS; i++)
        desc.items[i] = (mr__item_desc){.input_offset = 100 + i, .output_offset = 200 + i};
    return desc;
}

static mr__unit_state state_of(const mr__unit *unit)
{
    return mr__unit_state_of(mr__word_load(&unit->word));
}

static void test_round(void **state)
{
    mr__unit *unit = &control.units[2];
    const mr__unit_desc sent = make_desc(MR__UNIT_ITEMS);
    mr__unit_desc got;
    mr__unit_answer said = {0}, heard = {0};

    (void)state;
    assert_false(mr__unit_claim(unit, &got));
    mr__unit_publish(unit, 41, &sent);
    assert_int_equal(state_of(unit), MR__UNIT_QUEUED);
    assert_false(mr__unit_collect(unit, 41, 1, &heard));
    assert_true(mr__unit_claim(unit, &got));
    assert_memory_equal(&got, &sent, sizeof sent);
    assert_int_equal(state_of(unit), MR__UNIT_STARTED);
    assert_false(mr__unit_claim(unit, &got));
    assert_false(mr__unit_revoke(unit, 41));
    said.items[0].width = 640;
    said.items[MR__UNIT_ITEMS - 1].code = MR_CODE_CORRUPT;
    mr__unit_answer_publish(unit, &said, MR__UNIT_ITEMS);
    assert_false(mr__unit_collect(unit, 40, MR__UNIT_ITEMS, &heard));
    assert_true(mr__unit_collect(unit, 41, MR__UNIT_ITEMS, &heard));
    assert_memory_equal(&heard, &said, sizeof said);
    assert_int_equal(state_of(unit), MR__UNIT_FREE);
}

static void test_only_the_items_that_are_there(void **state)
{
    mr__unit *unit = &control.units[0];
    const mr__unit_desc sent = make_desc(2);
    mr__unit_desc got;

    (void)state;
    memset(&unit->desc, 0x5a, sizeof unit->desc);
    memset(&got, 0x11, sizeof got);
    mr__unit_publish(unit, 1, &sent);
    assert_int_equal(unit->desc.items[2].input_offset, UINT64_C(0x5a5a5a5a5a5a5a5a));
    assert_true(mr__unit_claim(unit, &got));
    assert_int_equal(got.n_items, 2);
    assert_int_equal(got.items[1].output_offset, 201);
    assert_int_equal(got.items[2].input_offset, UINT64_C(0x1111111111111111));
}

static void test_too_many_items_are_cut(void **state)
{
    mr__unit *unit = &control.units[0];
    const mr__unit_desc sent = make_desc(1);
    mr__unit_desc got;

    (void)state;
    mr__unit_publish(unit, 1, &sent);
    unit->desc.n_items = UINT32_MAX;
    assert_true(mr__unit_claim(unit, &got));
    assert_int_equal(got.n_items, MR__UNIT_ITEMS);
}

static void test_revoke(void **state)
{
    mr__unit *unit = &control.units[1];
    const mr__unit_desc sent = make_desc(1);
    mr__unit_desc got;

    (void)state;
    mr__unit_publish(unit, 7, &sent);
    assert_false(mr__unit_revoke(unit, 6));
    assert_true(mr__unit_revoke(unit, 7));
    assert_false(mr__unit_revoke(unit, 7));
    assert_false(mr__unit_claim(unit, &got));
    mr__unit_publish(unit, 8, &sent);
    assert_false(mr__unit_revoke(unit, 7));
    assert_true(mr__unit_claim(unit, &got));
}

static void test_reclaim(void **state)
{
    mr__unit *unit = &control.units[1];
    const mr__unit_desc sent = make_desc(1);
    mr__unit_desc got;

    (void)state;
    mr__unit_publish(unit, 7, &sent);
    assert_false(mr__unit_reclaim(unit, 7));
    assert_int_equal(state_of(unit), MR__UNIT_FREE);
    mr__unit_publish(unit, 8, &sent);
    assert_true(mr__unit_claim(unit, &got));
    assert_true(mr__unit_reclaim(unit, 8));
    mr__word_store(&unit->word, UINT32_MAX);
    assert_true(mr__unit_reclaim(unit, 9));
    assert_int_equal(state_of(unit), MR__UNIT_FREE);
}

/* A worker whose unit was taken from under it can answer no longer. */
static void test_answer_to_nobody(void **state)
{
    mr__unit *unit = &control.units[1];
    const mr__unit_answer answer = {0};

    (void)state;
    mr__unit_answer_publish(unit, &answer, 1);
    assert_int_equal(state_of(unit), MR__UNIT_FREE);
}

static void test_need_round(void **state)
{
    uint16_t number = 0;
    uint64_t bytes = 0;

    (void)state;
    assert_false(mr__need_look(&control, &number, &bytes));
    mr__need_ask(&control, 1, UINT64_MAX);
    assert_int_equal(mr__need_answer(&control, 1), MR__GRANT_PENDING);
    assert_true(mr__need_look(&control, &number, &bytes));
    assert_int_equal(number, 1);
    assert_int_equal(bytes, MR__NEED_BYTES_MAX);
    assert_false(mr__need_look(&control, &number, &bytes));
    mr__need_grant(&control, 1, MR__GRANT_REFUSED);
    assert_int_equal(mr__need_answer(&control, 1), MR__GRANT_REFUSED);
    assert_int_equal(mr__need_answer(&control, 2), MR__GRANT_PENDING);
}

static void test_need_number_wraps(void **state)
{
    uint16_t number = UINT16_MAX - 1;
    uint64_t bytes = 0;

    (void)state;
    mr__need_ask(&control, UINT16_MAX, 5);
    assert_true(mr__need_look(&control, &number, &bytes));
    assert_int_equal(number, UINT16_MAX);
    mr__need_grant(&control, number, MR__GRANT_GRANTED);
    assert_int_equal(mr__need_answer(&control, UINT16_MAX), MR__GRANT_GRANTED);
    mr__need_ask(&control, 1, 6);
    assert_int_equal(mr__need_answer(&control, 1), MR__GRANT_PENDING);
    assert_true(mr__need_look(&control, &number, &bytes));
    assert_int_equal(number, 1);
    assert_int_equal(bytes, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round, clean),
        cmocka_unit_test_setup(test_only_the_items_that_are_there, clean),
        cmocka_unit_test_setup(test_too_many_items_are_cut, clean),
        cmocka_unit_test_setup(test_revoke, clean),
        cmocka_unit_test_setup(test_reclaim, clean),
        cmocka_unit_test_setup(test_answer_to_nobody, clean),
        cmocka_unit_test_setup(test_need_round, clean),
        cmocka_unit_test_setup(test_need_number_wraps, clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
