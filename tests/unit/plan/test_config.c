/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of models: the plan that they mean, and the field that is to blame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan.h"

#define CLIP   "{\"image_processor_type\":\"CLIPImageProcessor\""
#define SIGLIP "{\"image_processor_type\":\"SiglipImageProcessor\""

/* The configuration means the plan of this name. */
static void means(const char *config, const char *library, const char *name)
{
    mr_plan *plan = NULL, *named = NULL;
    mr_error err = {0};

    if (mr_plan_parse_config(config, library, &plan, &err) != MR_OK)
        fail_msg("%s: %s", config, err.message);
    assert_int_equal(mr_plan_open(name, &named, &err), MR_OK);
    if (strcmp(mr_plan_text(plan), mr_plan_text(named)) != 0)
        fail_msg("%s is not %s but\n%s", config, name, mr_plan_text(plan));
    mr_plan_close(&plan);
    mr_plan_close(&named);
}

static void refused(const char *config, const char *library, mr_status status, const char *part)
{
    mr_plan *plan = NULL;
    mr_error err = {0};

    assert_int_equal(mr_plan_parse_config(config, library, &plan, &err), status);
    assert_null(plan);
    if (strstr(err.message, part) == NULL)
        fail_msg("%s: %s", config, err.message);
}

static void test_transformers(void **state)
{
    (void)state;
    means(CLIP "}", NULL, "openai/clip-vit-base-patch32@transformers");
    means(CLIP "}", "transformers-tv", "openai/clip-vit-base-patch32@transformers-tv");
    means(CLIP "}", "transformers-5.20", "openai/clip-vit-base-patch32@transformers-5.20");
    means("{\"image_processor_type\":\"CLIPImageProcessorFast\",\"size\":224,\"crop_size\":224}",
          "", "openai/clip-vit-base-patch32@transformers");
    means("{\"feature_extractor_type\":\"CLIPFeatureExtractor\",\"size\":336,\"crop_size\":336,"
          "\"resample\":3,\"do_pad\":false}",
          "", "openai/clip-vit-large-patch14-336@transformers");
    means(SIGLIP ",\"size\":{\"height\":384,\"width\":384},\"do_convert_rgb\":null}", "",
          "google/siglip-base-patch16-384@transformers");
    means(SIGLIP ",\"resample\":2}", "", "google/siglip2-base-patch16-224@transformers");
    means("{\"image_processor_type\":\"ConvNextImageProcessor\",\"size\":{\"shortest_edge\":224},"
          "\"image_mean\":[0.485,0.456,0.406],\"image_std\":[0.229,0.224,0.225]}",
          "", "microsoft/resnet-50@transformers");
    means("{\"image_processor_type\":\"DINOv3ViTImageProcessorFast\"}", "",
          "facebook/dinov3-vitb16-pretrain-lvd1689m@transformers-tv");
    means(CLIP ",\"do_rescale\":false,\"do_normalize\":false}", "",
          "openai/clip-vit-base-patch32@transformers?norm=none");
    means(CLIP ",\"do_normalize\":null,\"image_mean\":0.5}", "",
          "openai/clip-vit-base-patch32@transformers?mean=0,0,0&std=1,1,1");
    means(CLIP ",\"do_normalize\":false}", "transformers-tv",
          "openai/clip-vit-base-patch32@transformers-tv?norm=hf-float&mean=0,0,0&std=1,1,1");
    means(SIGLIP ",\"image_mean\":0.25,\"image_std\":2}", "",
          "google/siglip-base-patch16-224@transformers?mean=.25,.25,.25&std=2,2,2");
}

static void test_transformers_refused(void **state)
{
    static const struct {
        const char *config, *library, *part;
        mr_status status;
    } cases[] = {
        {"{\"image_processor_type\":\"Siglip2ImageProcessor\"}", "", "NaFlex", MR_E_UNSUPPORTED},
        {"{\"image_processor_type\":\"SamImageProcessor\"}", "",
         "image_processor_type: SamImageProcessor: CLIP", MR_E_UNSUPPORTED},
        {"{\"image_processor_type\":7}", "", "image_processor_type: must be a text", MR_E_INVALID},
        {"{\"size\":224}", "", "image_processor_type is missing", MR_E_INVALID},
        {CLIP ",\"do_pad\":true}", "", "do_pad: true is not supported", MR_E_UNSUPPORTED},
        {CLIP ",\"do_pad\":1}", "", "do_pad: must be true or false", MR_E_INVALID},
        {CLIP ",\"max_num_patches\":256}", "", "max_num_patches: is not", MR_E_UNSUPPORTED},
        {CLIP ",\"size\":{\"longest_edge\":224}}", "", "size.longest_edge: ", MR_E_UNSUPPORTED},
        {CLIP ",\"size\":{\"max_height\":2,\"max_width\":2}}", "",
         "size.max_height: ", MR_E_UNSUPPORTED},
        {CLIP ",\"size\":{\"shortest_edge\":0}}", "", "size.shortest_edge: must be a side",
         MR_E_INVALID},
        {CLIP ",\"size\":4294967297}", "", "size: must be a side", MR_E_INVALID},
        {CLIP ",\"size\":2.5}", "", "size: must be a side", MR_E_INVALID},
        {CLIP ",\"crop_size\":{\"height\":3}}", "", "crop_size: must be a side", MR_E_INVALID},
        {CLIP ",\"do_center_crop\":false}", "", "do_center_crop: without it", MR_E_UNSUPPORTED},
        {SIGLIP ",\"do_center_crop\":true}", "", "crop_size: do_center_crop needs it",
         MR_E_INVALID},
        {SIGLIP ",\"do_resize\":false}", "", "do_resize: without it", MR_E_UNSUPPORTED},
        {CLIP ",\"resample\":8}", "", "resample: must be", MR_E_INVALID},
        {CLIP ",\"resample\":4}", "transformers-tv", "resample: this filter", MR_E_UNSUPPORTED},
        {CLIP ",\"resample\":7}", "transformers-tv", "resample: this filter", MR_E_UNSUPPORTED},
        {CLIP ",\"image_mean\":[1,2]}", "", "image_mean: must be a number or three", MR_E_INVALID},
        {CLIP ",\"image_mean\":[1,2,1e300]}", "", "image_mean: must be", MR_E_INVALID},
        {CLIP ",\"image_std\":[1,0,1]}", "", "std: must be positive", MR_E_INVALID},
        {CLIP ",\"rescale_factor\":-1}", "", "rescale: must be a positive", MR_E_INVALID},
        {CLIP "}", "openclip", "@openclip: a configuration of this kind", MR_E_INVALID},
        {CLIP ",\"size\":224,\"size\":225}", "", "not JSON: line 1: duplicate", MR_E_INVALID},
        {"[]", "", "not the configuration of a model", MR_E_INVALID},
        {"{", "", "not JSON: line 1", MR_E_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(cases[i].config, cases[i].library, cases[i].status, cases[i].part);
}

static void test_openclip(void **state)
{
    (void)state;
    means("{\"model_cfg\":{\"vision_cfg\":{\"image_size\":224}},\"preprocess_cfg\":{}}", "",
          "openai/clip-vit-base-patch32@openclip");
    means("{\"model_cfg\":{\"vision_cfg\":{\"image_size\":[384,384]}},\"preprocess_cfg\":"
          "{\"size\":224,\"mean\":0.5,\"std\":[0.5,0.5,0.5],\"resize_mode\":\"squash\"}}",
          "openclip", "timm/ViT-B-16-SigLIP-384@openclip");
    means("{\"preprocess_cfg\":{\"size\":[120,90],\"resize_mode\":\"squash\"}}", "",
          "openai/clip-vit-base-patch32@openclip?resize=squash&resize_size=90x120&crop=none");
    refused("{\"preprocess_cfg\":{\"resize_mode\":\"longest\"}}", "", MR_E_UNSUPPORTED,
            "preprocess_cfg.resize_mode: shortest and squash");
    refused("{\"preprocess_cfg\":{\"size\":[120,90]}}", "", MR_E_UNSUPPORTED, "a square size");
    refused("{\"preprocess_cfg\":{\"interpolation\":\"random\"}}", "", MR_E_UNSUPPORTED,
            "preprocess_cfg.interpolation: ");
    refused("{\"preprocess_cfg\":{\"mode\":\"L\"}}", "", MR_E_UNSUPPORTED, "preprocess_cfg.mode: ");
    refused("{\"preprocess_cfg\":{\"size\":[1,2,3]}}", "", MR_E_INVALID, "preprocess_cfg.size: ");
    refused("{\"preprocess_cfg\":{}}", "timm", MR_E_INVALID, "is read as @openclip");
}

static void test_timm(void **state)
{
    static const char both[] = "{\"architecture\":\"resnet50\",\"pretrained_cfg\":{\"input_size\":"
                               "[3,224,224],\"crop_pct\":0.95,\"test_input_size\":[3,288,288],"
                               "\"test_crop_pct\":1.0,\"interpolation\":\"bicubic\"}}";

    (void)state;
    means(both, "", "resnet50.a1_in1k@timm");
    means(both, "timm-test", "resnet50.a1_in1k@timm-test");
    means("{\"input_size\":[3,224,224],\"crop_pct\":0.875,\"interpolation\":\"bilinear\"}", "timm",
          "resnet50.tv_in1k@timm");
    means("{\"architecture\":\"x\",\"pretrained_cfg\":{\"input_size\":[3,384,384],\"crop_pct\":1,"
          "\"crop_mode\":\"squash\"}}",
          "", "convnext_base.fb_in22k_ft_in1k_384@timm");
    refused("{\"input_size\":[3,224,200]}", "", MR_E_UNSUPPORTED, "input_size: only squares");
    refused("{\"input_size\":[1,224,224]}", "", MR_E_UNSUPPORTED, "input_size: only [3");
    refused("{\"input_size\":[3,224,224],\"crop_mode\":\"border\"}", "", MR_E_UNSUPPORTED,
            "crop_mode: center and squash");
    refused("{\"input_size\":[3,224,224],\"interpolation\":\"random\"}", "", MR_E_UNSUPPORTED,
            "interpolation: needs one");
    refused("{\"input_size\":[3,224,224],\"crop_pct\":0}", "", MR_E_INVALID,
            "crop_pct: 224 pixels");
    refused("{\"input_size\":[3,224,224],\"crop_pct\":1e-9}", "", MR_E_INVALID, "crop_pct: 224");
    refused("{\"pretrained_cfg\":3}", "", MR_E_INVALID, "pretrained_cfg: must be an object");
}

/* What is read as a plan's text may be a configuration; what is too long is neither. */
static void test_where_a_plan_is_read(void **state)
{
    mr_plan *plan = NULL, *named = NULL;
    mr_error err;
    char *big = malloc(70000);

    (void)state;
    assert_int_equal(mr_plan_parse(" \n" CLIP "}\n", &plan, &err), MR_OK);
    assert_int_equal(mr_plan_open("openai/clip-vit-base-patch32@transformers", &named, &err),
                     MR_OK);
    assert_string_equal(mr_plan_fingerprint(plan), mr_plan_fingerprint(named));
    assert_string_equal(mr_plan_name(plan), "custom");
    mr_plan_close(&plan);
    mr_plan_close(&named);
    assert_int_equal(mr_plan_parse_config(NULL, NULL, &plan, &err), MR_E_INVALID);
    assert_non_null(big);
    memset(big, ' ', 69999);
    big[69999] = '\0';
    big[0] = '{';
    refused(big, NULL, MR_E_INVALID, "at most 65535 bytes");
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transformers),
        cmocka_unit_test(test_transformers_refused),
        cmocka_unit_test(test_openclip),
        cmocka_unit_test(test_timm),
        cmocka_unit_test(test_where_a_plan_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
