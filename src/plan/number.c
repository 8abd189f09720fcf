/* SPDX-License-Identifier: Apache-2.0 */
/* Floating-point numbers as decimal text that comes back bit for bit, whatever the locale. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

static bool comes_back(const char *text, double value, bool is_float)
{
    double back = strtod(text, NULL);

    /* floats are read as libraries read them: a decimal to double, then to float */
    return is_float ? (float)back == (float)value : back == value;
}

static bool print_shortest(char *out, size_t size, double value, bool is_float)
{
    int most = is_float ? 9 : 17;

    for (int digits = 1; digits <= most; digits++) {
        int n = snprintf(out, size, "%.*g", digits, value);

        if (n < 0 || (size_t)n >= size)
            return false;
        if (comes_back(out, value, is_float))
            return true;
    }
    return false;
}

bool mr__number_print(char *out, size_t size, double value, bool is_float)
{
    locale_t plain, before;
    bool ok;

    if (!isfinite(value))
        return false;
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return false;
    before = uselocale(plain);
    /* -0 and 0 are one value here: they must not give two fingerprints */
    ok = print_shortest(out, size, value == 0.0 ? 0.0 : value, is_float);
    uselocale(before);
    freelocale(plain);
    return ok;
}

bool mr__number_parse(const char *text, double *out)
{
    locale_t plain, before;
    char *end = NULL;

    /* strtod alone would also take blanks, hexadecimal, "inf" and "nan" */
    if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return false;
    before = uselocale(plain);
    *out = strtod(text, &end);
    uselocale(before);
    freelocale(plain);
    return end != text && *end == '\0' && isfinite(*out);
}
