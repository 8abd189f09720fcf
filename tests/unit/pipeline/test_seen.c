/* SPDX-License-Identifier: Apache-2.0 */
/* The table of ids met lately: same key, other key, and what leaves when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "pipeline/seen.h"

static mr__seen_answer meet_number(mr__seen *seen, unsigned number, const char *prefix)
{
    char id[32], key[48];

    (void)snprintf(id, sizeof id, "id-%u", number);
    (void)snprintf(key, sizeof key, "%s-%u", prefix, number);
    return mr__seen_meet(seen, id, key);
}

static void test_answers(void **state)
{
    mr__seen *seen;

    (void)state;
    assert_int_equal(mr__seen_open(8, &seen, NULL), MR_OK);
    assert_int_equal(mr__seen_meet(seen, "a", "x/a.jpg"), MR__SEEN_NEW);
    assert_int_equal(mr__seen_meet(seen, "a", "x/a.jpg"), MR__SEEN_SAME_KEY);
    assert_int_equal(mr__seen_meet(seen, "a", "y/a.jpg"), MR__SEEN_OTHER_KEY);
    /* the first stays the owner */
    assert_int_equal(mr__seen_meet(seen, "a", "y/a.jpg"), MR__SEEN_OTHER_KEY);
    assert_int_equal(mr__seen_meet(seen, "a", "x/a.jpg"), MR__SEEN_SAME_KEY);
    assert_int_equal(mr__seen_meet(seen, "", ""), MR__SEEN_NEW);
    assert_int_equal(mr__seen_meet(seen, "", ""), MR__SEEN_SAME_KEY);
    mr__seen_close(&seen);
    assert_null(seen);
}

/* A long run through a small table: exactly the last `capacity` ids are remembered, always. */
static void test_window(void **state)
{
    enum { CAPACITY = 97, ROUNDS = 5000 };
    mr__seen *seen;
    unsigned i;

    (void)state;
    assert_int_equal(mr__seen_open(CAPACITY, &seen, NULL), MR_OK);
    for (i = 0; i < ROUNDS; i++) {
        assert_int_equal(meet_number(seen, i, "k"), MR__SEEN_NEW);
        if (i >= CAPACITY - 1) {
            assert_int_equal(meet_number(seen, i - (CAPACITY - 1), "other"), MR__SEEN_OTHER_KEY);
            assert_int_equal(meet_number(seen, i - CAPACITY / 2, "k"), MR__SEEN_SAME_KEY);
        }
    }
    /* the one before the oldest has left, which is what keeps an endless run flat */
    assert_int_equal(meet_number(seen, ROUNDS - CAPACITY - 1, "other"), MR__SEEN_NEW);
    mr__seen_close(&seen);
}

/* As many distinct ids as fit, none taken for another. */
static void test_no_false_duplicates(void **state)
{
    enum { MANY = 300000 };
    mr__seen *seen;
    unsigned i;

    (void)state;
    assert_int_equal(mr__seen_open(MANY, &seen, NULL), MR_OK);
    for (i = 0; i < MANY; i++)
        assert_int_equal(meet_number(seen, i, "k"), MR__SEEN_NEW);
    for (i = 0; i < MANY; i += 7)
        assert_int_equal(meet_number(seen, i, "k"), MR__SEEN_SAME_KEY);
    mr__seen_close(&seen);
}

static void test_range(void **state)
{
    mr__seen *seen;

    (void)state;
    assert_int_equal(mr__seen_open(0, &seen, NULL), MR_E_INVALID);
    assert_null(seen);
    assert_int_equal(mr__seen_open(((size_t)1 << 24) + 1, &seen, NULL), MR_E_INVALID);
    mr__seen_close(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_no_false_duplicates),
        cmocka_unit_test(test_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
