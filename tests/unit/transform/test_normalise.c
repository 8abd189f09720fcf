/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of normalisation, bit for bit as numpy has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <nettle/sha2.h>

#include "normalise_golden.h"
#include "transform/normalise.h"

static mr__plan_spec spec_of(const char *preset)
{
    mr_plan *plan = NULL;
    mr__plan_spec spec;

    assert_int_equal(mr_plan_open(preset, &plan, NULL), MR_OK);
    spec = *mr__plan_spec_of(plan);
    mr_plan_close(&plan);
    return spec;
}

static void digest_of(const mr__plan_spec *spec, char hex[65])
{
    float table[3][256];
    uint8_t digest[32];
    struct sha256_ctx hash;

    mr__normalise_table(spec, table);
    sha256_init(&hash);
    sha256_update(&hash, sizeof table, (const uint8_t *)table);
    sha256_digest(&hash, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void test_presets(void **state)
{
    static const char *const golden[][2] = {
        {"openai/clip-vit-base-patch32@openclip", GOLDEN_CLIP_TORCHVISION},
        {"openai/clip-vit-base-patch32@transformers", GOLDEN_CLIP_HF},
        {"resnet50.a1_in1k@timm", GOLDEN_IMAGENET_TORCHVISION},
        {"google/siglip-base-patch16-224@transformers", GOLDEN_HALF_HF},
    };
    char hex[65];

    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        mr__plan_spec spec = spec_of(golden[i][0]);

        digest_of(&spec, hex);
        assert_string_equal(hex, golden[i][1]);
        /* the control: the order of the torchvision backend is another table */
        assert_string_not_equal(hex, GOLDEN_CLIP_HF_FUSED);
    }
}

/* A factor at which the two orders differ, so that mixing them up is seen. */
static void test_orders_differ(void **state)
{
    mr__plan_spec spec = spec_of("openai/clip-vit-base-patch32@transformers");
    char hex[65];

    (void)state;
    spec.rescale = 1.0 / 97.0;
    digest_of(&spec, hex);
    assert_string_equal(hex, GOLDEN_CLIP_HF_97);
    spec.norm = MR__NORM_TORCHVISION;
    digest_of(&spec, hex);
    assert_string_equal(hex, GOLDEN_CLIP_TORCHVISION);
}

static void test_none(void **state)
{
    mr__plan_spec spec = {.norm = MR__NORM_NONE};
    float table[3][256];

    (void)state;
    mr__normalise_table(&spec, table);
    for (int i = 0; i < 256; i++)
        assert_true(table[i % 3][i] == (float)i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_orders_differ),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
