/* SPDX-License-Identifier: Apache-2.0 */
/* When a request is made again: see retry.h. */
#include "fetch/retry.h"

#include <string.h>

#define DAY_S 86400

static bool digits(const char *p, unsigned n, int64_t *out)
{
    unsigned i;

    *out = 0;
    for (i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *out = *out * 10 + (p[i] - '0');
    }
    return true;
}

static bool month_of(const char *p, int64_t *out)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t i;

    for (i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, p, 3) == 0) {
            *out = i + 1;
            return true;
        }
    return false;
}

/* Days from 1970-01-01 in the Gregorian calendar: years begin in March, so the leap day is last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1, era = y / 400, yoe = y % 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool mr__http_date(const char *text, size_t n, int64_t *out)
{
    static const char days[] = "MonTueWedThuFriSatSun";
    static const char shape[] = "___, __ ___ ____ __:__:__ GMT";
    int64_t day, month, year, hour, minute, second;
    size_t i;
    bool named = false;

    if (n != sizeof shape - 1)
        return false;
    for (i = 0; i < n; i++)
        if (shape[i] != '_' && shape[i] != text[i])
            return false;
    for (i = 0; i < 7; i++)
        named = named || memcmp(days + 3 * i, text, 3) == 0;
    if (!named || !digits(text + 5, 2, &day) || !month_of(text + 8, &month) ||
        !digits(text + 12, 4, &year) || !digits(text + 17, 2, &hour) ||
        !digits(text + 20, 2, &minute) || !digits(text + 23, 2, &second))
        return false;
    if (day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || year < 1970)
        return false;
    *out = days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second;
    return true;
}

bool mr__retry_after(const char *text, size_t n, int64_t now_s, uint32_t *out)
{
    int64_t seconds;

    if (n == 0)
        return false;
    if (text[0] >= '0' && text[0] <= '9') {
        size_t i;

        for (i = 0; i < n; i++)
            if (text[i] < '0' || text[i] > '9')
                return false;
        /* more digits than a day has seconds are as good as a day */
        if (n > 9 || !digits(text, (unsigned)n, &seconds))
            seconds = DAY_S;
    } else {
        if (!mr__http_date(text, n, &seconds))
            return false;
        seconds = seconds > now_s ? seconds - now_s : 0;
    }
    *out = (uint32_t)(seconds < DAY_S ? seconds : DAY_S) * 1000;
    return true;
}

uint32_t mr__retry_delay(uint32_t attempt, uint32_t after_ms, uint32_t random)
{
    uint32_t full = MR__RETRY_CAP_MS, delay;

    if (attempt >= 1 && attempt < 16 && (MR__RETRY_BASE_MS << (attempt - 1)) < MR__RETRY_CAP_MS)
        full = MR__RETRY_BASE_MS << (attempt - 1);
    delay = full / 2 + random % (full / 2 + 1);
    return delay > after_ms ? delay : after_ms;
}

bool mr__retry_status(long status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}
