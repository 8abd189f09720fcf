/* SPDX-License-Identifier: Apache-2.0 */
/* Presets: each opens or says why not, and those that stores remember stay what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

static void test_presets_come_back(void **state)
{
    mr_preset preset;
    size_t n = 0, models = 0, verified = 0, unsupported = 0;

    (void)state;
    for (; mr_preset_at(n, &preset); n++) {
        mr_plan *plan = NULL, *back = NULL, *copy = NULL;
        mr_error err;

        models += strchr(preset.name, '@') != NULL;
        verified += preset.verified;
        assert_non_null(preset.summary);
        if (preset.unsupported != NULL) {
            unsupported++;
            assert_int_equal(mr_plan_open(preset.name, &plan, &err), MR_E_UNSUPPORTED);
            assert_non_null(strstr(err.message, preset.unsupported));
            continue;
        }
        plan = open_plan(preset.name);
        assert_string_equal(mr_plan_name(plan), preset.name);
        assert_int_equal(strlen(mr_plan_fingerprint(plan)), 68);
        assert_int_equal(strncmp(mr_plan_text(plan), "millrace-plan 1\ncolour=", 23), 0);
        assert_null(strstr(mr_plan_text(plan), "name="));
        assert_int_equal(mr_plan_parse(mr_plan_text(plan), &back, &err), MR_OK);
        assert_string_equal(mr_plan_text(back), mr_plan_text(plan));
        assert_string_equal(mr_plan_fingerprint(back), mr_plan_fingerprint(plan));
        assert_string_equal(mr_plan_name(back), "custom");
        assert_memory_equal(mr__plan_spec_of(back), mr__plan_spec_of(plan), sizeof(mr__plan_spec));
        assert_int_equal(mr__plan_copy(plan, &copy, &err), MR_OK);
        mr_plan_close(&plan);
        assert_string_equal(mr_plan_fingerprint(copy), mr_plan_fingerprint(back));
        mr_plan_close(&back);
        mr_plan_close(&copy);
        assert_null(copy);
    }
    assert_int_equal(n, models + 4);
    assert_int_equal(models, 256);
    assert_int_equal(verified, 159);
    assert_int_equal(unsupported, 5);
}

static bool is_verified(const char *name)
{
    mr_plan *plan = open_plan(name);
    json_t *object = json_loads(mr_plan_json(plan), 0, NULL);
    bool verified = json_is_true(json_object_get(object, "verified"));

    json_decref(object);
    mr_plan_close(&plan);
    return verified;
}

/* Same weights, different pipelines (one plan for two models is no mistake); a changed plan has not
 * been compared with anything. */
static void test_models(void **state)
{
    static const char *const apart[] = {
        "timm/ViT-B-16-SigLIP@openclip",
        "google/siglip-base-patch16-224@transformers",
        "google/siglip-base-patch16-224@transformers-tv",
        "google/siglip-base-patch16-224@transformers-5.20",
        "google/siglip2-base-patch16-224@transformers",
        "vit_base_patch16_siglip_224.webli@timm",
        "resnet50.a1_in1k@timm-test",
        "resnet50/IMAGENET1K_V1@torchvision",
        "resnet50/IMAGENET1K_V2@torchvision",
        "facebook/dinov2-base@transformers",
        "facebook/dinov3-vitb16-pretrain-lvd1689m@transformers-tv",
    };
    const size_t n = sizeof apart / sizeof apart[0];

    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            mr_plan *a = open_plan(apart[i]), *b = open_plan(apart[k]);

            assert_string_not_equal(mr_plan_fingerprint(a), mr_plan_fingerprint(b));
            mr_plan_close(&a);
            mr_plan_close(&b);
        }
    assert_true(is_verified("resnet50.a1_in1k@timm"));
    assert_false(is_verified("resnet50.a1_in1k@timm?dtype=f32"));
    assert_false(is_verified("facebook/dinov2-base@transformers"));
    assert_false(is_verified("letterbox"));
}

/* These are what stores remember: a change here orphans every collection made before. */
static void test_fingerprints_are_frozen(void **state)
{
    static const char *const frozen[][2] = {
        {"openai/clip-vit-base-patch32@openclip",
         "mr1:6651fc9fd7e631105f1331f1c82fdca252d059210fb9bca11699bb5f42294ed6"},
        {"openai/clip-vit-base-patch32@transformers",
         "mr1:141833dc2d9ee85bfb234058207555fed1d26dadd3a29215df4182ab2bf29bc0"},
        {"resnet50.a1_in1k@timm",
         "mr1:f5c01b13cc47ac0dd0b16cf7c934ca6f06bbb01775f577fc99d71b6929a53b37"},
        {"google/siglip-base-patch16-224@transformers",
         "mr1:af9ef931c5cc2c085e60bdc1d8ef0ed67bf5bc7a2c7c34b2b293208e605efae7"},
        {"letterbox", "mr1:67eb3644f6424650e5856c5e882f0cb72a39d9b330ee45512c9975a428db5eaf"},
        {"original/masked-stretch",
         "mr1:5417d2a9268913a696363e3af551a568508699d25e9c5276d78002c4ff57094d"},
        {"raw", "mr1:7c9d250a43b17b64ffb484f24a50cca8f82962a2104cac5d09964cf362b98613"},
        {"millrace/builtin",
         "mr1:f45bb2e2621c71b0c49ea4e89134c3e23043e9e1e427230a09ed655a88d852ee"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof frozen / sizeof frozen[0]; i++) {
        mr_plan *plan = open_plan(frozen[i][0]);

        assert_string_equal(mr_plan_fingerprint(plan), frozen[i][1]);
        mr_plan_close(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets_come_back),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_fingerprints_are_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
