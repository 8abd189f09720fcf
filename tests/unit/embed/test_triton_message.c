/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of gRPC: what is said, byte for byte as an independent implementation of the protocol
 * writes it; what is heard, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "embed/triton/message.h"

static const mr__triton_tensor row = {
    .name = "X", .type = MR__TRITON_FP32, .rank = 2, .dim = {1, 2}};

/* The buffer as hexadecimal digits; forgets it. */
static const char *hex(mr__buf *buf)
{
    static char text[2048];

    assert_true(buf->len * 2 < sizeof text);
    for (size_t i = 0; i < buf->len; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned char)buf->data[i]);
    text[2 * buf->len] = '\0';
    mr__buf_reset(buf);
    return text;
}

/* Bytes of hexadecimal digits. */
static size_t bytes_of(const char *text, uint8_t *out)
{
    size_t n = strlen(text) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

static void test_said(void **state)
{
    mr__triton_infer infer = {
        .model = "m", .version = "", .input = &row, .output = "Y", .bytes = 8};
    const mr__triton_region region = {.name = "r0", .key = "/ing.0", .bytes = 1048576};
    mr__buf buf;

    (void)state;
    mr__buf_init(&buf, 4096);
    /* the eight bytes of the two numbers are to follow */
    assert_true(mr__triton_pack_infer(&infer, &buf));
    assert_string_equal(hex(&buf), "0a016d2a0d0a01581204465033321a02010232030a01593a08");
    infer.bytes = 300;
    assert_true(mr__triton_pack_infer(&infer, &buf));
    assert_string_equal(hex(&buf), "0a016d2a0d0a01581204465033321a02010232030a01593aac02");
    /* in shared memory nothing follows; an offset of 4096 */
    infer.bytes = 24;
    infer.version = "7";
    infer.region = "r0";
    infer.offset = 4096;
    assert_true(mr__triton_pack_infer(&infer, &buf));
    assert_string_equal(hex(&buf),
                        "0a016d1201372a670a01581204465033321a020102"
                        "221c0a147368617265645f6d656d6f72795f726567696f6e12041a027230"
                        "221d0a177368617265645f6d656d6f72795f627974655f73697a6512021018"
                        "221b0a147368617265645f6d656d6f72795f6f6666736574120310802032030a0159");
    assert_true(mr__triton_pack_region(&region, &buf));
    assert_string_equal(hex(&buf), "0a02723012062f696e672e3020808040");
    assert_true(mr__triton_pack_region_name("r0", &buf));
    assert_string_equal(hex(&buf), "0a027230");
    assert_true(mr__triton_pack_model("m", "1", &buf));
    assert_string_equal(hex(&buf), "0a016d120131");
    mr__buf_fini(&buf);
    mr__buf_init(&buf, 3); /* too small for any of them */
    assert_false(mr__triton_pack_infer(&infer, &buf));
    assert_false(mr__triton_pack_region(&region, &buf));
    mr__buf_fini(&buf);
}

static void test_heard(void **state)
{
    uint8_t data[512];
    mr__triton_server server;
    mr__triton_model model = {0};
    mr_error err = {0};
    size_t n;

    (void)state;
    n = bytes_of("0a06747269746f6e1206322e35312e301a0378797a", data);
    assert_int_equal(mr__triton_unpack_server(data, n, &server, &err), MR_OK);
    assert_int_equal(server.major * 1000 + server.minor, 2051);
    /* m: input X FP32 [-1,3], output Y FP16 [-1,4] */
    n = bytes_of("0a016d"
                 "22160a01581204465033321a0bffffffffffffffffff0103"
                 "2a160a01591204465031361a0bffffffffffffffffff0104",
                 data);
    assert_int_equal(mr__triton_unpack_metadata(data, n, &model, &err), MR_OK);
    assert_string_equal(model.inputs[0].name, "X");
    assert_int_equal(model.inputs[0].dim[0], -1);
    assert_int_equal(model.inputs[0].dim[1], 3);
    assert_int_equal(model.outputs[0].type, MR__TRITON_FP16);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(mr__triton_unpack_metadata(data, cut, &model, &err), MR_E_ENV);
    /* max_batch_size 8; groups of 2, and of 3 on two GPUs; decoupled */
    n = bytes_of("0a13"
                 "2008"
                 "3a021002"
                 "3a0610031a020001"
                 "9a01020801",
                 data);
    assert_int_equal(mr__triton_unpack_config(data, n, &model, &err), MR_OK);
    assert_int_equal(model.max_batch, 8);
    assert_int_equal(model.instances, 2 + 3 * 2);
    assert_true(model.decoupled);
    assert_int_equal(mr__triton_unpack_config(data, 0, &model, &err), MR_E_ENV);
}

static mr_status answer(const char *digits, mr__buf *bytes, mr__triton_answer *out, mr_error *err)
{
    uint8_t data[512];
    size_t n = bytes_of(digits, data);

    return mr__triton_unpack_answer(data, n, "Y", bytes, out, err);
}

#define OUTPUT_X "2a0d0a01581204465033321a020101"
#define OUTPUT_Y "2a0d0a01591204465033321a020102"

static void test_answers(void **state)
{
    static const char *const bad[] = {
        "",       /* no output */
        OUTPUT_Y, /* no bytes */
        OUTPUT_Y "320400000000"
                 "320400000000",                                /* more pieces than outputs */
        OUTPUT_X "320400000000",                                /* another output */
        OUTPUT_Y OUTPUT_Y "32003200",                           /* twice */
        "2a0d0a01591204465033321a0201",                         /* cut */
        "2a160a01591204465033321a0bfeffffffffffffffff01013200", /* a size of -2 */
        "08ffffffffffffffffffffff",                             /* no varint */
    };
    mr__triton_answer out;
    mr_error err = {0};
    mr__buf bytes;

    (void)state;
    mr__buf_init(&bytes, 64);
    assert_int_equal(answer("120133" OUTPUT_Y "32080000803f00000040", &bytes, &out, &err), MR_OK);
    assert_int_equal(out.bytes, 8);
    assert_int_equal(out.tensor.dim[1], 2);
    assert_string_equal(out.version, "3");
    assert_memory_equal(out.data, "\0\0\x80\x3f\0\0\0\x40", 8);
    /* matched by name: the second of two; the first came by another way, and has no bytes */
    assert_int_equal(answer(OUTPUT_X OUTPUT_Y "320032080000803f00000040", &bytes, &out, &err),
                     MR_OK);
    assert_int_equal(out.bytes, 8);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (answer(bad[i], &bytes, &out, &err) != MR_E_ENV)
            fail_msg("taken: %s", bad[i]);
    mr__buf_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_said),
        cmocka_unit_test(test_heard),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
