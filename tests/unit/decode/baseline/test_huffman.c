/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy-coded data: stuffing, restart markers, codes of every length, values, blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "decode/baseline/block.h"
#include "decode/baseline/scan.h"

/* One code of each length 1..16: 0, 10, 110, ... */
static const uint8_t one_of_each[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
/* end of block, sizes without a run, a run of 16, sizes behind runs */
static const uint8_t ac_symbols[16] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                       0x08, 0x09, 0x0A, 0xF0, 0x11, 0x22, 0xF1, 0xEA};
static const uint8_t dc_symbols[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

typedef struct writer {
    uint8_t bytes[4096];
    size_t bits;
} writer;

static void put(writer *w, uint32_t value, uint32_t n)
{
    for (; n > 0; n--, w->bits++)
        if (value >> (n - 1) & 1)
            w->bytes[w->bits / 8] |= (uint8_t)(0x80 >> w->bits % 8);
}

/* Code number `i` of one_of_each: i ones and a zero. */
static void put_code(writer *w, uint32_t i)
{
    put(w, (UINT32_C(1) << (i + 1)) - 2, i + 1);
}

/* A value of `size` bits, as JPEG writes it. */
static void put_value(writer *w, int32_t v, uint32_t size)
{
    put(w, (uint32_t)(v < 0 ? v + (int32_t)((UINT32_C(1) << size) - 1) : v), size);
}

static void codes_of_all_lengths(void **state)
{
    mr__huffman *table = malloc(sizeof *table);

    (void)state;
    assert_non_null(table);
    assert_true(mr__huffman_make(table, one_of_each, ac_symbols, true));
    for (uint32_t i = 0; i < 16; i++) {
        uint64_t word = ((UINT64_C(1) << (i + 1)) - 2) << (63 - i);
        uint32_t entry = mr__huffman_look(table, word), size = ac_symbols[i] & 15u;

        assert_true(i < MR__HUFFMAN_BITS || entry == mr__huffman_long(table, word));
        assert_int_equal(mr__huffman_length(entry), i + 1 + size);
        assert_int_equal(mr__huffman_move(entry),
                         ac_symbols[i] ? (ac_symbols[i] >> 4) + 1u : MR__HUFFMAN_END);
        /* all ones behind it: the largest value; all zeros: the smallest */
        assert_int_equal(mr__huffman_value(entry, word | ((UINT64_C(1) << (63 - i)) - 1)),
                         (1 << size) - 1);
        assert_int_equal(mr__huffman_value(entry, word), size ? 1 - (1 << size) : 0);
    }
    assert_int_equal(mr__huffman_move(mr__huffman_look(table, UINT64_MAX)), MR__HUFFMAN_BAD);
    free(table);
}

static void what_is_no_code(void **state)
{
    static const struct {
        uint8_t counts[16], symbols[4];
        bool ac;
    } bad[] = {
        {{2}, {0, 1}, false},             /* 0 and 1: all ones is a code */
        {{3}, {0, 1, 2}, false},          /* more than there are */
        {{0, 3, 2}, {0, 1, 2, 3}, false}, /* the same, one bit on */
        {{0}, {0}, true},                 /* none */
        {{1}, {12}, false},               /* a size that no DC value has */
        {{1}, {0x0B}, true},              /* nor an AC value */
        {{1}, {0x10}, true},              /* a run of nothing */
    };
    mr__huffman *table = malloc(sizeof *table);

    (void)state;
    assert_non_null(table);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mr__huffman_make(table, bad[i].counts, bad[i].symbols, bad[i].ac));
    free(table);
}

/* What is stuffed comes out as it was, in windows of any length; then the marker. */
static void stuffing(void **state)
{
    enum { N = 3 * (int)MR__SCAN_WINDOW + 17, RAW = 2 * N + 2 };
    uint8_t *plain = malloc(N), *raw = malloc(RAW);
    mr__scan *scan = malloc(sizeof *scan);
    uint32_t seed = 3;
    size_t n = 0;

    (void)state;
    assert_true(plain && raw && scan);
    for (size_t i = 0; i < N; i++) {
        seed = seed * 1664525u + 1013904223u;
        plain[i] = seed >> 30 ? (uint8_t)(seed >> 16) : 0xFF;
        raw[n++] = plain[i];
        if (plain[i] == 0xFF)
            raw[n++] = 0;
    }
    raw[n++] = 0xFF;
    raw[n++] = 0xD9;
    mr__scan_begin(scan, raw, raw + n);
    for (size_t i = 0; i < N; i++) {
        if (i % 100 == 0)
            mr__scan_need_mcu(scan);
        mr__bits_refill(&scan->bits);
        if ((uint8_t)(scan->bits.word >> 56) != plain[i])
            fail_msg("byte %zu: %02x, not %02x", i, (unsigned)(scan->bits.word >> 56), plain[i]);
        assert_false(mr__scan_used_up(scan));
        mr__bits_drop(&scan->bits, 8);
        assert_false(mr__bits_overrun(&scan->bits));
    }
    assert_true(mr__scan_used_up(scan));
    assert_ptr_equal(scan->raw, raw + n - 2);
    mr__bits_refill(&scan->bits);
    mr__bits_drop(&scan->bits, 8);
    assert_true(mr__bits_overrun(&scan->bits));
    free(plain);
    free(raw);
    free(scan);
}

static void restarts(void **state)
{
    static const uint8_t raw[] = {0xA5, 0xFF, 0xD3, 0x5A, 0xFF, 0xD4, 0xFF, 0xD9};
    mr__scan *scan = malloc(sizeof *scan);

    (void)state;
    assert_non_null(scan);
    mr__scan_begin(scan, raw, raw + sizeof raw);
    assert_false(mr__scan_restart(scan, 3)); /* a byte is left */
    mr__bits_drop(&scan->bits, 3);
    assert_false(mr__scan_restart(scan, 4)); /* not the one */
    assert_true(mr__scan_restart(scan, 3 + 8));
    mr__bits_refill(&scan->bits);
    assert_int_equal(scan->bits.word >> 56, 0x5A);
    mr__bits_drop(&scan->bits, 8);
    assert_true(mr__scan_restart(scan, 4));
    assert_true(mr__scan_used_up(scan));
    assert_false(mr__scan_restart(scan, 5));
    free(scan);
}

typedef struct fixture {
    mr__huffman dc, ac;
    mr__block_tables tables;
    mr__scan scan;
    _Alignas(64) int16_t out[128];
    int32_t running;
    uint8_t raw[2 * sizeof(((writer *)0)->bytes)];
} fixture;

/* Reads, or skips, the block that `w` holds. */
static uint32_t run_block(fixture *f, const writer *w, mr__cpu_level level, bool only_skip)
{
    const mr__block_reader *reader = mr__block_reader_of(level);
    size_t n = 0;

    for (size_t i = 0; i < (w->bits + 7) / 8; i++) {
        f->raw[n++] = w->bytes[i];
        if (w->bytes[i] == 0xFF)
            f->raw[n++] = 0;
    }
    mr__scan_begin(&f->scan, f->raw, f->raw + n);
    memset(f->out, 0, sizeof f->out);
    f->running = 5;
    return only_skip ? (reader->skip)(&f->scan.bits, &f->tables, &f->running)
                     : reader->read(&f->scan.bits, &f->tables, &f->running, f->out);
}

static fixture *make_fixture(void)
{
    fixture *f = aligned_alloc(64, (sizeof *f + 63) / 64 * 64);

    assert_non_null(f);
    memset(f, 0, sizeof *f);
    assert_true(mr__huffman_make(&f->dc, (const uint8_t[16]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                                 dc_symbols, false));
    assert_true(mr__huffman_make(&f->ac, one_of_each, ac_symbols, true));
    f->tables.dc = &f->dc;
    f->tables.ac = &f->ac;
    for (int k = 0; k < 64; k++)
        f->tables.quant[k] = (int16_t)(k + 1);
    return f;
}

static void blocks(void **state)
{
    fixture *f = make_fixture();
    writer w = {0};

    (void)state;
    put_code(&w, 3); /* DC +7 */
    put_value(&w, 7, 3);
    put_code(&w, 2); /* k 1: -3 */
    put_value(&w, -3, 2);
    put_code(&w, 11); /* sixteen zeros: k 17 */
    put_code(&w, 12); /* one zero, k 19: +1 */
    put_value(&w, 1, 1);
    put_code(&w, 9); /* k 20: -300 */
    put_value(&w, -300, 9);
    put_code(&w, 0);
    for (uint32_t level = MR__CPU_C; level <= MR__CPU_AVX2; level++) {
        mr__cpu_level best = MR__CPU_C;

        assert_int_equal(mr__cpu_level_detect(NULL, &best, NULL), MR_OK);
        if (level > best)
            continue;
        assert_int_equal(run_block(f, &w, (mr__cpu_level)level, true), 0);
        assert_int_equal(f->running, 12);
        assert_int_equal(run_block(f, &w, (mr__cpu_level)level, false), 0);
        assert_int_equal(f->running, 12);
        assert_int_equal(f->out[0], 12);
        assert_int_equal(f->out[1], -3 * 2);
        assert_int_equal(f->out[33], 20); /* index 19 of the zigzag */
        assert_int_equal(f->out[40], -300 * 21);
        assert_int_equal(f->out[32], 0);
        assert_int_equal(f->out[18], 0);
        assert_true(mr__bits_at(&f->scan.bits) == f->scan.bits.end);
    }
    free(f);
}

/* What cannot be trusted is said, for a block that is read and for one that is skipped. */
static void doubts(void **state)
{
    fixture *f = make_fixture();
    writer beyond = {0}, no_code = {0}, large = {0};

    (void)state;
    put_code(&beyond, 0);
    for (int i = 0; i < 5; i++)
        put_code(&beyond, 11); /* eighty zeros */
    put(&no_code, 0, 1);
    put(&no_code, 0xFFFF, 16);
    put_code(&large, 11); /* DC +2047, five times: more than a file has */
    put_value(&large, 2047, 11);
    put_code(&large, 10); /* times 2 stays within, times 40 does not */
    put_value(&large, 1023, 10);
    put_code(&large, 0);
    assert_int_not_equal(run_block(f, &beyond, MR__CPU_C, false), 0);
    assert_int_not_equal(run_block(f, &beyond, MR__CPU_C, true), 0);
    assert_int_not_equal(run_block(f, &no_code, MR__CPU_C, false), 0);
    assert_int_not_equal(run_block(f, &no_code, MR__CPU_C, true), 0);
    assert_int_equal(run_block(f, &large, MR__CPU_C, false), 0);
    f->tables.quant[1] = 40;
    assert_int_not_equal(run_block(f, &large, MR__CPU_C, false), 0);
    f->tables.quant[1] = 2;
    f->tables.quant[0] = 5;
    assert_int_not_equal(run_block(f, &large, MR__CPU_C, false), 0);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_all_lengths),
        cmocka_unit_test(what_is_no_code),
        cmocka_unit_test(stuffing),
        cmocka_unit_test(restarts),
        cmocka_unit_test(blocks),
        cmocka_unit_test(doubts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
