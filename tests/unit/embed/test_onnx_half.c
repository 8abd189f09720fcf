/* SPDX-License-Identifier: Apache-2.0 */
/* binary16: every value there and back, and rounding where it matters. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "embed/half.h"

static float widened(uint16_t half)
{
    float value;

    mr__half_to_float(&half, 1, &value);
    return value;
}

static uint16_t rounded(float value)
{
    uint16_t half;

    mr__half_from_float(&value, 1, &half);
    return half;
}

/* What the bits say by definition. */
static double meaning(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);

    return half & 0x8000 ? -value : value;
}

static void test_every_value(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        float value = widened((uint16_t)half);
        if ((half & 0x7c00) == 0x7c00) {
            assert_true((half & 0x3ff) ? isnan(value) : isinf(value));
            assert_int_equal(!(half & 0x3ff) && rounded(value) != half, 0);
            continue;
        }
        assert_true((double)value == meaning((uint16_t)half));
        assert_int_equal(rounded(value), half);
    }
    assert_true(isnan(widened(rounded(NAN))));
}

/* Between two neighbours: to the nearer one, from the middle to the even one. */
static void test_rounding(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 0x7bff; half++) {
        double low = meaning((uint16_t)half), high = meaning((uint16_t)(half + 1));
        double middle = (low + high) / 2;
        uint32_t even = half & 1 ? half + 1 : half;

        assert_int_equal(rounded((float)middle), even);
        assert_int_equal(rounded(nextafterf((float)middle, 0.0F)), half);
        assert_int_equal(rounded(nextafterf((float)middle, 65536.0F)), half + 1);
        assert_int_equal(rounded(-(float)middle), even | 0x8000);
    }
}

static void test_ends(void **state)
{
    (void)state;
    assert_int_equal(rounded(65519.996F), 0x7bff);
    assert_int_equal(rounded(65520.0F), 0x7c00);
    assert_int_equal(rounded(1e30F), 0x7c00);
    assert_int_equal(rounded(-INFINITY), 0xfc00);
    assert_int_equal(rounded(0x1p-25F), 0);
    assert_int_equal(rounded(0x1.000002p-25F), 1);
    assert_int_equal(rounded(1e-30F), 0);
    assert_int_equal(rounded(-0.0F), 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests_name("onnx-half", tests, NULL, NULL);
}
