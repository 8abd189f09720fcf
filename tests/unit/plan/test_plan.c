/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: text that comes back, fingerprints, hostile text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "plan/plan.h"

static mr_plan *open_plan(const char *name)
{
    mr_error err;
    mr_plan *plan = NULL;

    assert_int_equal(mr_plan_open(name, &plan, &err), MR_OK);
    return plan;
}

static void test_text_of_openclip(void **state)
{
    mr_plan *plan = open_plan("openai/clip-vit-base-patch32@openclip");

    (void)state;
    assert_string_equal(mr_plan_text(plan),
                        "millrace-plan 1\ncolour=rgb-last\nalpha=drop\nexif=ignore\n"
                        "resize=shortest\nresize_size=224x224\nfilter=bicubic\n"
                        "pass_order=pillow-13\ncrop=centre-half-even\ncrop_size=224x224\n"
                        "fill=0,0,0\nnorm=torchvision\nrescale=1\n"
                        "mean=0.48145467,0.4578275,0.40821072\n"
                        "std=0.26862955,0.2613026,0.2757771\ndtype=f32\nlayout=nchw\n");
    mr_plan_close(&plan);
}

/* What was fingerprinted before there were engines does not name one. */
static void test_engine_is_written_where_it_is_another(void **state)
{
    mr_plan *plan = open_plan("letterbox"), *same = NULL;
    char text[MR__PLAN_TEXT_MAX], *at;
    mr_error err;

    (void)state;
    assert_null(strstr(mr_plan_text(plan), "engine"));
    (void)snprintf(text, sizeof text, "%sengine=pillow\n", mr_plan_text(plan));
    assert_int_equal(mr_plan_parse(text, &same, &err), MR_OK);
    assert_string_equal(mr_plan_text(same), mr_plan_text(plan));
    mr_plan_close(&same);
    mr_plan_close(&plan);
    plan = open_plan("original/masked-stretch:20x10");
    (void)snprintf(text, sizeof text, "%s", mr_plan_text(plan));
    at = strstr(text, "engine=float\nfilter=bilinear\n");
    assert_non_null(at);
    memmove(at, at + 13, strlen(at + 13) + 1);
    assert_int_equal(mr_plan_parse(text, &same, &err), MR_OK);
    assert_string_not_equal(mr_plan_fingerprint(same), mr_plan_fingerprint(plan));
    assert_null(strstr(mr_plan_text(same), "engine"));
    mr_plan_close(&same);
    mr_plan_close(&plan);
}

static void test_options_in_a_name(void **state)
{
    static const char name[] =
        "original/masked-stretch:20x10?layout=nhwc&mean=0.5,0.25,0&std=1,2,3";
    mr_plan *plan = open_plan(name), *same;
    mr_row_shape shape = mr_plan_row_shape(plan);

    (void)state;
    assert_string_equal(mr_plan_name(plan), name);
    assert_int_equal(shape.layout, MR_LAYOUT_NHWC);
    assert_int_equal(shape.width, 20);
    assert_int_equal(shape.height, 10);
    assert_non_null(strstr(mr_plan_text(plan), "mean=0.5,0.25,0\nstd=1,2,3\ndtype=f32\n"));
    same = open_plan(
        "original/masked-stretch?std=1,2,3&resize_size=20x10&layout=nhwc&mean=0.50,.25,0");
    assert_string_equal(mr_plan_fingerprint(same), mr_plan_fingerprint(plan));
    mr_plan_close(&same);
    same = open_plan("original/masked-stretch:20x10?");
    assert_string_not_equal(mr_plan_fingerprint(same), mr_plan_fingerprint(plan));
    mr_plan_close(&same);
    mr_plan_close(&plan);
}

static void test_row_shapes(void **state)
{
    mr_plan *plan = open_plan("letterbox:320x200");
    mr_row_shape shape = mr_plan_row_shape(plan);

    (void)state;
    assert_int_equal(shape.width, 320);
    assert_int_equal(shape.height, 200);
    assert_int_equal(shape.bytes, 320 * 200 * 3 * 4);
    mr_plan_close(&plan);
    plan = open_plan("raw:16384x1");
    shape = mr_plan_row_shape(plan);
    assert_int_equal(shape.bytes, 16384 * 3);
    assert_int_equal(shape.layout, MR_LAYOUT_NHWC);
    assert_int_equal(shape.dtype, MR_DTYPE_U8);
    assert_string_equal(mr_plan_name(plan), "raw:16384x1");
    mr_plan_close(&plan);
}

static void refuse_name(const char *name, mr_status status, const char *part)
{
    mr_plan *plan = NULL;
    mr_error err = {0};

    assert_int_equal(mr_plan_open(name, &plan, &err), status);
    assert_null(plan);
    assert_non_null(strstr(err.message, part));
}

static void test_names_refused(void **state)
{
    char long_name[4000];

    (void)state;
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    refuse_name("leterbox", MR_E_NOT_FOUND, "did you mean letterbox?");
    refuse_name("resnet50", MR_E_NOT_FOUND, "did you mean resnet50.a1_in1k@timm?");
    refuse_name("", MR_E_NOT_FOUND, "did you mean raw?");
    refuse_name(long_name, MR_E_NOT_FOUND, "did you mean");
    refuse_name("openai/clip-vit-base-patch32@openclip:3x3", MR_E_INVALID, "takes none");
    refuse_name("raw:0x5", MR_E_INVALID, "WIDTHxHEIGHT");
    refuse_name("raw:5", MR_E_INVALID, "WIDTHxHEIGHT");
    refuse_name("raw:16385x5", MR_E_INVALID, "WIDTHxHEIGHT");
    refuse_name("raw:", MR_E_INVALID, "WIDTHxHEIGHT");
    refuse_name("raw:-1x5", MR_E_INVALID, "WIDTHxHEIGHT");
    refuse_name("raw:5x5x5?dtype=u8", MR_E_INVALID, "WIDTHxHEIGHT");
    refuse_name("letterbox?filtre=box", MR_E_INVALID, "unknown key filtre: did you mean filter?");
    refuse_name("letterbox?filter=bix", MR_E_INVALID, "filter=bix: did you mean box?");
    refuse_name("letterbox:8x8?layout=nhwc&mean", MR_E_INVALID, "not key=value: mean");
    refuse_name("letterbox?mean=1,2", MR_E_INVALID, "mean=1,2: needs three finite numbers");
    refuse_name("letterbox?std=1,1,0", MR_E_INVALID, "std: must be positive");
    refuse_name("leterbox?layout=nhwc", MR_E_NOT_FOUND, "did you mean letterbox?");
    refuse_name("original/masked-stretch?filter=box", MR_E_INVALID, "bilinear and bicubic");
    refuse_name("original/masked-stretch?colour=rgb-last", MR_E_INVALID, "use rgb-first");
    refuse_name("original/masked-stretch?norm=none&dtype=u8", MR_E_INVALID, "use f32");
    refuse_name("original/masked-stretch?crop=centre-floor&crop_size=4x4", MR_E_INVALID, "crop");
    refuse_name("letterbox?reducing_gap=0.5", MR_E_INVALID, "reducing_gap: must be 0 (none) or 1");
    refuse_name("letterbox?reducing_gap=1e6", MR_E_INVALID, "reducing_gap: must be");
    refuse_name("letterbox?reducing_gap=2&engine=torch-uint8", MR_E_INVALID, "only Pillow's");
    refuse_name("letterbox?engine=torch-uint8&filter=hamming", MR_E_INVALID, "lanczos as well");
    refuse_name("letterbox?engine=torch-float&filter=lanczos", MR_E_INVALID,
                "bilinear and bicubic");
    refuse_name("letterbox?engine=torch-uint8&colour=rgb-last", MR_E_INVALID, "use rgb-first");
    refuse_name("letterbox?norm=rescale-first", MR_E_INVALID, "needs the engine torch-float");
    refuse_name("letterbox?engine=torch-float&norm=rescale-first&rescale=0.5", MR_E_INVALID,
                "before a resize it is 0.00392156862745098");
    refuse_name("raw:111111111111111111111111111111x5", MR_E_INVALID, "WIDTHxHEIGHT");
}

/* Replaces the line of `key` in the OpenCLIP text by `line` (NULL: removes it) and parses. */
static void refuse_line(const char *key, const char *line, mr_status status, const char *part)
{
    mr_plan *good = open_plan("openai/clip-vit-base-patch32@transformers"), *plan = NULL;
    const char *text = mr_plan_text(good), *at = strstr(text, key);
    char changed[8192];
    mr_error err = {0};

    assert_non_null(at);
    (void)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text,
                   line != NULL ? line : "",
                   line != NULL ? strchr(at, '\n') : strchr(at, '\n') + 1);
    assert_int_equal(mr_plan_parse(changed, &plan, &err), status);
    if (status == MR_OK) {
        assert_string_equal(mr_plan_fingerprint(plan), mr_plan_fingerprint(good));
        mr_plan_close(&plan);
    } else {
        assert_null(plan);
        if (strstr(err.message, part) == NULL)
            fail_msg("%s: message is: %s", line, err.message);
    }
    mr_plan_close(&good);
}

static void test_hostile_text(void **state)
{
    char long_line[1024] = "filter=";

    (void)state;
    memset(long_line + 7, 'b', 600);
    refuse_line("filter=", "filter=bicubic", MR_OK, "");
    refuse_line("filter=", "# a remark\n\nfilter=bicubic", MR_OK, "");
    refuse_line("filter=", NULL, MR_E_INVALID, "plan line 16: the text ends without filter=");
    refuse_line("filter=", "filtre=bicubic", MR_E_INVALID,
                "plan line 7: unknown key filtre: did you mean filter?");
    refuse_line("filter=", "filter=bicubik", MR_E_INVALID,
                "plan line 7: filter=bicubik: did you mean bicubic?");
    refuse_line("filter=", "filter", MR_E_INVALID, "plan line 7: not key=value");
    refuse_line("filter=", "filter=bicubic\nfilter=box", MR_E_INVALID,
                "plan line 8: filter was set on line 7 already");
    refuse_line("filter=", long_line, MR_E_INVALID, "plan line 7: longer than");
    refuse_line("millrace-plan", "# made by hand\n\nmillrace-plan 1", MR_OK, "");
    refuse_line("millrace-plan", "# made by hand\nmillrace-plan 2", MR_E_INVALID,
                "plan line 2: must be");
    refuse_line("millrace-plan", "millrace-plan 2", MR_E_INVALID, "plan line 1: must be");
    refuse_line("resize_size=", "resize_size=224x225", MR_E_INVALID, "plan line 6: ");
    refuse_line("resize_size=", "resize_size=0x0", MR_E_INVALID, "plan line 6: ");
    refuse_line("crop_size=", "crop_size=16385x224", MR_E_INVALID, "plan line 10: ");
    refuse_line("crop_size=", "crop_size=4294967297x224", MR_E_INVALID, "plan line 10: ");
    refuse_line("crop_size=", "crop_size=224", MR_E_INVALID, "plan line 10: ");
    refuse_line("crop=", "crop=none", MR_E_INVALID, "plan line 9: ");
    refuse_line("resize=", "resize=letterbox", MR_E_INVALID, "plan line 9: ");
    refuse_line("mean=", "mean=1,2", MR_E_INVALID, "needs three finite numbers");
    refuse_line("mean=", "mean=1,2,nan", MR_E_INVALID, "needs three finite numbers");
    refuse_line("mean=", "mean=1,2,inf", MR_E_INVALID, "needs three finite numbers");
    refuse_line("mean=", "mean=1,2,1e39", MR_E_INVALID, "needs three finite numbers");
    refuse_line("mean=", "mean=1,2,0x1p3", MR_E_INVALID, "needs three finite numbers");
    refuse_line("mean=", "mean=1,2,3,4", MR_E_INVALID, "needs three finite numbers");
    refuse_line("std=", "std=1,0,1", MR_E_INVALID, "plan line 15: ");
    refuse_line("std=", "std=1,1e-60,1", MR_E_INVALID, "plan line 15: ");
    refuse_line("rescale=", "rescale=1e999", MR_E_INVALID, "needs a finite number");
    refuse_line("rescale=", "rescale=-1", MR_E_INVALID, "plan line 13: ");
    refuse_line("fill=", "fill=1,2,256", MR_E_INVALID, "needs three numbers 0..255");
    refuse_line("dtype=", "dtype=f16", MR_E_UNSUPPORTED, "plan line 16: ");
    refuse_line("dtype=", "dtype=u8", MR_E_INVALID, "plan line 12: ");
    refuse_line("layout=", "layout=nchw\nsecret\x1b[31m=1", MR_E_INVALID, "\\x1b");
}

static void test_hostile_whole(void **state)
{
    mr_plan *plan = NULL;
    mr_error err;
    char big[6000];

    (void)state;
    assert_int_equal(mr_plan_parse("", &plan, &err), MR_E_INVALID);
    assert_int_equal(mr_plan_parse("\n", &plan, &err), MR_E_INVALID);
    assert_int_equal(mr_plan_parse(NULL, &plan, &err), MR_E_INVALID);
    memset(big, '\n', sizeof big);
    big[sizeof big - 1] = '\0';
    assert_int_equal(mr_plan_parse(big, &plan, &err), MR_E_INVALID);
    assert_null(plan);
}

/* What means nothing must not change the fingerprint; what means something must. */
static void test_one_meaning_one_fingerprint(void **state)
{
    mr_plan *raw = open_plan("raw"), *same = NULL, *other = NULL;
    char text[4096];
    mr_error err;
    char *at;

    (void)state;
    (void)snprintf(text, sizeof text, "%s", mr_plan_text(raw));
    at = strstr(text, "rescale=1\n");
    assert_non_null(at);
    at[8] = '7'; /* norm=none: the factor is not used */
    assert_int_equal(mr_plan_parse(text, &same, &err), MR_OK);
    assert_string_equal(mr_plan_fingerprint(same), mr_plan_fingerprint(raw));
    at = strstr(text, "fill=0,0,0");
    at[5] = '1';
    assert_int_equal(mr_plan_parse(text, &other, &err), MR_OK);
    assert_string_not_equal(mr_plan_fingerprint(other), mr_plan_fingerprint(raw));
    mr_plan_close(&raw);
    mr_plan_close(&same);
    mr_plan_close(&other);
}

static void test_numbers_come_back(void **state)
{
    uint64_t seed = 12345;
    char text[64];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        double value, back;
        float narrow, narrow_back;
        uint32_t bits;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&value, &seed, sizeof value);
        bits = (uint32_t)(seed >> 32);
        memcpy(&narrow, &bits, sizeof narrow);
        if (mr__number_print(text, sizeof text, value, false)) {
            assert_true(mr__number_parse(text, &back));
            assert_memory_equal(&back, &value, sizeof back);
        }
        if (mr__number_print(text, sizeof text, (double)narrow, true)) {
            assert_true(mr__number_parse(text, &back));
            narrow_back = (float)back;
            assert_memory_equal(&narrow_back, &narrow, sizeof narrow);
        }
    }
    assert_true(mr__number_print(text, sizeof text, (double)0.26862954f, true));
    assert_string_equal(text, "0.26862955");
    assert_true(mr__number_print(text, sizeof text, 1.0 / 255.0, false));
    assert_string_equal(text, "0.00392156862745098");
}

/* A key that came later is written only where it says something. */
static void test_reducing_gap(void **state)
{
    mr_plan *plan = open_plan("letterbox?reducing_gap=2"), *none, *same = NULL;
    mr_error err;

    (void)state;
    assert_non_null(strstr(mr_plan_text(plan), "\nreducing_gap=2\n"));
    assert_int_equal(mr_plan_parse(mr_plan_text(plan), &same, &err), MR_OK);
    assert_string_equal(mr_plan_fingerprint(same), mr_plan_fingerprint(plan));
    mr_plan_close(&same);
    none = open_plan("letterbox?reducing_gap=-0");
    same = open_plan("letterbox");
    assert_null(strstr(mr_plan_text(none), "gap"));
    assert_string_equal(mr_plan_fingerprint(none), mr_plan_fingerprint(same));
    assert_string_not_equal(mr_plan_fingerprint(plan), mr_plan_fingerprint(same));
    mr_plan_close(&plan);
    mr_plan_close(&none);
    mr_plan_close(&same);
}

/* Another picture, with another fingerprint, that says so; nothing where nothing is filtered. */
static void test_decode(void **state)
{
    mr_plan *plan = open_plan("letterbox?decode=fast"), *exact = open_plan("letterbox"), *same;
    json_t *object = json_loads(mr_plan_json(plan), 0, NULL);

    (void)state;
    assert_non_null(strstr(mr_plan_text(plan), "\ndecode=fast\n"));
    assert_null(strstr(mr_plan_text(exact), "decode"));
    assert_string_not_equal(mr_plan_fingerprint(plan), mr_plan_fingerprint(exact));
    assert_true(json_is_false(json_object_get(object, "exact")));
    assert_true(json_real_value(json_object_get(object, "max_error")) >= 1.0);
    assert_string_equal(json_string_value(json_object_get(object, "decode")), "fast");
    json_decref(object);
    assert_int_equal(mr_plan_parse(mr_plan_text(plan), &same, NULL), MR_OK);
    assert_string_equal(mr_plan_fingerprint(same), mr_plan_fingerprint(plan));
    mr_plan_close(&same);
    mr_plan_close(&plan);
    plan = open_plan("letterbox?decode=exact");
    assert_string_equal(mr_plan_fingerprint(plan), mr_plan_fingerprint(exact));
    mr_plan_close(&plan);
    mr_plan_close(&exact);
    plan = open_plan("raw?decode=fast");
    exact = open_plan("letterbox?filter=nearest&decode=fast");
    assert_null(strstr(mr_plan_text(plan), "decode"));
    assert_null(strstr(mr_plan_text(exact), "decode"));
    mr_plan_close(&plan);
    mr_plan_close(&exact);
}

/* A thumbnail with a gap is drafted, said or not; it and a draft are exact. */
static void test_draft_and_thumbnail(void **state)
{
    mr_plan *plan = open_plan("letterbox?resize=thumbnail&colour=rgb-last&reducing_gap=2");
    mr_plan *same = open_plan("letterbox?resize=thumbnail&colour=rgb-last&reducing_gap=2&"
                              "decode=draft");
    json_t *object = json_loads(mr_plan_json(plan), 0, NULL);

    (void)state;
    assert_non_null(strstr(mr_plan_text(plan), "\ndecode=draft\nresize=thumbnail\n"));
    assert_string_equal(mr_plan_fingerprint(plan), mr_plan_fingerprint(same));
    assert_true(json_is_true(json_object_get(object, "exact")));
    json_decref(object);
    mr_plan_close(&plan);
    mr_plan_close(&same);
    plan = open_plan("letterbox?resize=thumbnail&colour=rgb-last&decode=draft");
    assert_null(strstr(mr_plan_text(plan), "decode"));
    mr_plan_close(&plan);
    plan = open_plan("letterbox?filter=nearest&decode=draft");
    assert_non_null(strstr(mr_plan_text(plan), "\ndecode=draft\n"));
    mr_plan_close(&plan);
    refuse_name("letterbox?resize=thumbnail", MR_E_INVALID, "use rgb-last");
    refuse_name("letterbox?resize=thumbnail&colour=rgb-last&exif=apply", MR_E_INVALID,
                "use ignore");
    refuse_name("letterbox?resize=thumbnail&colour=rgb-last&filter=nearest", MR_E_INVALID,
                "nearest");
    refuse_name("letterbox?resize=thumbnail&colour=rgb-last&decode=fast", MR_E_INVALID,
                "use draft");
    refuse_name("letterbox?resize=thumbnail&colour=rgb-last&crop=centre-floor&crop_size=4x4",
                MR_E_INVALID, "nothing to crop");
}

/* Of the engines of torch the one for uint8 is exact; pass orders are Pillow's alone. */
static void test_engines_of_torch(void **state)
{
    static const struct {
        const char *name;
        double max_error;
    } plans[] = {
        {"letterbox?engine=torch-uint8&filter=lanczos&dtype=u8&norm=none", 0.0},
        {"letterbox?engine=torch-uint8&norm=hf-fused&rescale=0.00392156862745098", 0.0},
        {"letterbox?engine=torch-float&dtype=u8&norm=none", 1.0},
        {"letterbox?engine=torch-float&norm=rescale-first&rescale=0.00392156862745098", 0.001},
    };

    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        mr_plan *plan = open_plan(plans[i].name), *back = NULL;
        json_t *object = json_loads(mr_plan_json(plan), 0, NULL);
        mr_error err;

        assert_true(json_real_value(json_object_get(object, "max_error")) == plans[i].max_error);
        assert_non_null(strstr(mr_plan_text(plan), "pass_order=horizontal-first\n"));
        assert_int_equal(mr_plan_parse(mr_plan_text(plan), &back, &err), MR_OK);
        assert_string_equal(mr_plan_fingerprint(back), mr_plan_fingerprint(plan));
        json_decref(object);
        mr_plan_close(&back);
        mr_plan_close(&plan);
    }
}

static void test_what_is_not_exact_says_so(void **state)
{
    mr_plan *plan = open_plan("letterbox?engine=float");
    json_t *object = json_loads(mr_plan_json(plan), 0, NULL);
    mr_preset preset;

    (void)state;
    assert_true(json_is_false(json_object_get(object, "exact")));
    assert_true(json_real_value(json_object_get(object, "max_error")) == 0.001);
    json_decref(object);
    mr_plan_close(&plan);
    for (size_t i = 0; mr_preset_at(i, &preset); i++) {
        bool floats = strcmp(preset.name, "original/masked-stretch") == 0 ||
                      strstr(preset.name, "/dinov3-") != NULL;

        if (preset.unsupported != NULL)
            continue;
        assert_int_equal(preset.exact, !floats);
        assert_true(preset.max_error == (floats ? 0.001 : 0.0));
    }
}

static void test_json(void **state)
{
    mr_plan *plan = open_plan("openai/clip-vit-base-patch32@transformers");
    json_error_t why;
    json_t *object = json_loads(mr_plan_json(plan), 0, &why);

    (void)state;
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "fingerprint")),
                        mr_plan_fingerprint(plan));
    assert_string_equal(json_string_value(json_object_get(object, "crop")), "centre-floor");
    assert_true(json_is_true(json_object_get(object, "exact")));
    assert_true(json_real_value(json_object_get(object, "max_error")) == 0.0);
    assert_true(json_real_value(json_object_get(object, "rescale")) == 1.0 / 255.0);
    assert_true(json_real_value(json_array_get(json_object_get(object, "mean"), 0)) == 0.48145467);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(object, "size"), 1)), 224);
    json_decref(object);
    mr_plan_close(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_openclip),
        cmocka_unit_test(test_row_shapes),
        cmocka_unit_test(test_names_refused),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_hostile_whole),
        cmocka_unit_test(test_one_meaning_one_fingerprint),
        cmocka_unit_test(test_numbers_come_back),
        cmocka_unit_test(test_engine_is_written_where_it_is_another),
        cmocka_unit_test(test_options_in_a_name),
        cmocka_unit_test(test_reducing_gap),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_draft_and_thumbnail),
        cmocka_unit_test(test_engines_of_torch),
        cmocka_unit_test(test_what_is_not_exact_says_so),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
