/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The models whose preprocessing is known by name. A row: the name, edge of the resize, edge of the
 * crop (0: squashed), filter, mean and std, verified. tests/golden/presets.json has the
 * configuration of each, where that is from, and what the library itself made of test pictures.
 */
#include "plan/family.h"
#include "plan/plan.h"

typedef enum constants { CLIP, IN, HALF, UNIT, SAT, ROOTS } constants;

static const struct {
    float mean[3], std[3];
} numbers[] = {
    [CLIP] = {{0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}},
    [IN] = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
    [HALF] = {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}},
    [UNIT] = {{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}},
    [SAT] = {{0.430f, 0.411f, 0.296f}, {0.213f, 0.156f, 0.143f}},
    /* EfficientNet divides twice, so its std is the root */
    [ROOTS] = {{0.485f, 0.456f, 0.406f}, {0.47853944f, 0.4732864f, 0.47434163f}},
};

typedef struct row {
    const char *name;
    mr__family family;
    uint32_t edge, crop;
    mr__filter filter;
    constants constants;
    bool verified;
    const char *unsupported;
} row;

#define BICUBIC  MR__FILTER_BICUBIC
#define BILINEAR MR__FILTER_BILINEAR
#define NEAREST  MR__FILTER_NEAREST

#define OPENCLIP(name, edge, crop, filter, constants)                                              \
    {                                                                                              \
        name "@openclip", MR__FAMILY_OPENCLIP, edge, crop, filter, constants, true, NULL           \
    }
#define TIMM(name, edge, crop, filter, constants)                                                  \
    {                                                                                              \
        name, MR__FAMILY_TIMM, edge, crop, filter, constants, true, NULL                           \
    }
#define TORCHVISION(name, edge, crop, filter, constants, verified)                                 \
    {                                                                                              \
        name "@torchvision", MR__FAMILY_TORCHVISION, edge, crop, filter, constants, verified, NULL \
    }
/* one configuration is three plans; 5.20 itself was not run */
#define TRANSFORMERS(name, edge, crop, filter, constants, verified)                                \
    {                                                                                              \
        name "@transformers",                                                                      \
        MR__FAMILY_TRANSFORMERS,                                                                   \
        edge,                                                                                      \
        crop,                                                                                      \
        filter,                                                                                    \
        constants,                                                                                 \
        verified,                                                                                  \
        NULL},                                                                                     \
        {name "@transformers-tv",                                                                  \
         MR__FAMILY_TRANSFORMERS_TV,                                                               \
         edge,                                                                                     \
         crop,                                                                                     \
         filter,                                                                                   \
         constants,                                                                                \
         verified,                                                                                 \
         NULL},                                                                                    \
    {                                                                                              \
        name "@transformers-5.20", MR__FAMILY_TRANSFORMERS_520, edge, crop, filter, constants,     \
            false, NULL                                                                            \
    }
#define DINOV3(name, edge, constants, verified)                                                    \
    {                                                                                              \
        name "@transformers-tv", MR__FAMILY_DINOV3, edge, 0, BILINEAR, constants, verified, NULL   \
    }
#define UNSUPPORTED(name, family, why)                                                             \
    {                                                                                              \
        name, family, 0, 0, BILINEAR, UNIT, false, why                                             \
    }
#define NAFLEX     "patches of a size that follows the picture (NaFlex) are not a row of fixed shape"
#define BIG_VISION "needs tf.image without antialias, a truncating cast and TensorFlow's fast DCT"

/* clang-format off */
static const row rows[] = {
    /* ---- open_clip 3.3 ---- */
    OPENCLIP("openai/clip-vit-base-patch32", 224, 224, BICUBIC, CLIP),
    OPENCLIP("openai/clip-vit-base-patch16", 224, 224, BICUBIC, CLIP),
    OPENCLIP("openai/clip-vit-large-patch14", 224, 224, BICUBIC, CLIP),
    OPENCLIP("openai/clip-vit-large-patch14-336", 336, 336, BICUBIC, CLIP),
    OPENCLIP("openai/clip-rn50", 224, 224, BICUBIC, CLIP),
    OPENCLIP("openai/clip-rn101", 224, 224, BICUBIC, CLIP),
    OPENCLIP("openai/clip-rn50x4", 288, 288, BICUBIC, CLIP),
    OPENCLIP("openai/clip-rn50x16", 384, 384, BICUBIC, CLIP),
    OPENCLIP("openai/clip-rn50x64", 448, 448, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-B-16-laion2B-s34B-b88K", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-H-14-laion2B-s32B-b79K", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-g-14-laion2B-s12B-b42K", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", 256, 256, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-B-16-CommonPool.L-s1B-b8K", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/ViT-B-16-plus-240-laion400m", 240, 240, BICUBIC, CLIP),
    OPENCLIP("laion/mscoco_finetuned_CoCa-ViT-L-14-laion2B-s13B-b90k", 224, 224, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-B-32-roberta-base-laion2B-s12B-b32k", 224, 224, BICUBIC, CLIP),
    OPENCLIP("facebook/metaclip-b32-400m", 224, 224, BICUBIC, CLIP),
    OPENCLIP("timm/eva02_base_patch16_clip_224.merged2b", 224, 224, BICUBIC, CLIP),
    OPENCLIP("timm/eva02_large_patch14_clip_336.merged2b", 336, 336, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-convnext_base_w-laion2B-s13B-b82K", 256, 256, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg", 256, 256, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg", 256, 256, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-convnext_base_w_320-laion_aesthetic-s13B-b82K", 320, 320, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft", 320, 320, BICUBIC, CLIP),
    OPENCLIP("laion/CLIP-ViT-L-14-laion2B-s32B-b82K", 224, 224, BICUBIC, HALF),
    OPENCLIP("apple/DFN5B-CLIP-ViT-H-14", 224, 0, BICUBIC, CLIP),
    OPENCLIP("apple/DFN5B-CLIP-ViT-H-14-378", 378, 0, BICUBIC, CLIP),
    OPENCLIP("facebook/metaclip-2-worldwide-huge-378", 378, 0, BICUBIC, CLIP),
    OPENCLIP("UCSC-VLAA/ViT-L-14-CLIPA-datacomp1B", 224, 0, BILINEAR, IN),
    OPENCLIP("UCSC-VLAA/ViT-L-14-CLIPA-336-datacomp1B", 336, 0, BILINEAR, IN),
    OPENCLIP("timm/ViT-B-16-SigLIP", 224, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP-256", 256, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP-384", 384, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP-512", 512, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP-i18n-256", 256, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-SO400M-14-SigLIP", 224, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-SO400M-14-SigLIP-378", 378, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-SO400M-14-SigLIP-384", 384, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP2", 224, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-32-SigLIP2-256", 256, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP2-384", 384, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-B-16-SigLIP2-512", 512, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-SO400M-14-SigLIP2", 224, 0, BICUBIC, HALF),
    OPENCLIP("timm/ViT-SO400M-14-SigLIP2-378", 378, 0, BICUBIC, HALF),
    OPENCLIP("visheratin/nllb-siglip-mrl-base", 384, 0, BICUBIC, HALF),
    OPENCLIP("apple/MobileCLIP-S1", 256, 256, BILINEAR, UNIT),
    OPENCLIP("apple/MobileCLIP-S2", 256, 256, BILINEAR, UNIT),
    OPENCLIP("apple/MobileCLIP-B", 224, 224, BILINEAR, UNIT),
    OPENCLIP("apple/MobileCLIP2-S0", 256, 256, BILINEAR, UNIT),
    OPENCLIP("apple/MobileCLIP2-S2", 256, 256, BILINEAR, UNIT),
    OPENCLIP("apple/MobileCLIP2-B", 224, 224, BILINEAR, UNIT),
    OPENCLIP("apple/MobileCLIP2-S3", 256, 256, BILINEAR, CLIP),
    OPENCLIP("apple/MobileCLIP2-S4", 256, 256, BILINEAR, CLIP),
    OPENCLIP("apple/MobileCLIP2-L-14", 224, 224, BICUBIC, CLIP),
    OPENCLIP("facebook/PE-Core-T-16-384", 384, 0, BILINEAR, HALF),
    OPENCLIP("facebook/PE-Core-S-16-384", 384, 0, BILINEAR, HALF),
    OPENCLIP("facebook/PE-Core-B-16", 224, 0, BILINEAR, HALF),
    OPENCLIP("facebook/PE-Core-L-14-336", 336, 0, BILINEAR, HALF),
    OPENCLIP("facebook/PE-Core-bigG-14-448", 448, 0, BILINEAR, HALF),
    /* ---- timm 1.0.31; -test: its test_input_size and test_crop_pct ---- */
    TIMM("resnet50.a1_in1k@timm", 235, 224, BICUBIC, IN),
    TIMM("resnet50.a1_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("resnet18.a1_in1k@timm", 235, 224, BICUBIC, IN),
    TIMM("resnet18.a1_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("resnet101.a1_in1k@timm", 235, 224, BICUBIC, IN),
    TIMM("resnet101.a1_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("resnet50.tv_in1k@timm", 256, 224, BILINEAR, IN),
    TIMM("resnet50.tv2_in1k@timm", 201, 176, BILINEAR, IN),
    TIMM("resnet50.tv2_in1k@timm-test", 232, 224, BILINEAR, IN),
    TIMM("convnext_tiny.fb_in22k_ft_in1k@timm", 256, 224, BICUBIC, IN),
    TIMM("convnext_tiny.fb_in22k_ft_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("convnext_base.fb_in22k_ft_in1k@timm", 256, 224, BICUBIC, IN),
    TIMM("convnext_base.fb_in22k_ft_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("convnext_base.fb_in22k_ft_in1k_384@timm", 384, 0, BICUBIC, IN),
    TIMM("convnextv2_tiny.fcmae_ft_in22k_in1k@timm", 256, 224, BICUBIC, IN),
    TIMM("convnextv2_tiny.fcmae_ft_in22k_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("convnextv2_base.fcmae_ft_in22k_in1k_384@timm", 384, 0, BICUBIC, IN),
    TIMM("convnext_tiny.dinov3_lvd1689m@timm", 224, 224, BICUBIC, IN),
    TIMM("convnext_base.clip_laion2b@timm", 256, 256, BICUBIC, CLIP),
    TIMM("vit_base_patch16_224.augreg_in21k_ft_in1k@timm", 248, 224, BICUBIC, HALF),
    TIMM("vit_base_patch16_384.augreg_in21k_ft_in1k@timm", 384, 384, BICUBIC, HALF),
    TIMM("vit_base_patch16_224.dino@timm", 248, 224, BICUBIC, IN),
    TIMM("vit_base_patch16_224.mae@timm", 248, 224, BICUBIC, IN),
    TIMM("vit_small_patch14_dinov2.lvd142m@timm", 518, 518, BICUBIC, IN),
    TIMM("vit_base_patch14_dinov2.lvd142m@timm", 518, 518, BICUBIC, IN),
    TIMM("vit_base_patch14_reg4_dinov2.lvd142m@timm", 518, 518, BICUBIC, IN),
    TIMM("vit_base_patch16_dinov3.lvd1689m@timm", 256, 256, BICUBIC, IN),
    TIMM("vit_large_patch16_dinov3.sat493m@timm", 256, 256, BICUBIC, SAT),
    TIMM("vit_base_patch32_clip_224.openai@timm", 248, 224, BICUBIC, CLIP),
    TIMM("vit_base_patch16_clip_224.openai@timm", 248, 224, BICUBIC, CLIP),
    TIMM("vit_large_patch14_clip_224.openai@timm", 224, 224, BICUBIC, CLIP),
    TIMM("vit_large_patch14_clip_336.openai@timm", 336, 336, BICUBIC, CLIP),
    TIMM("vit_large_patch14_clip_224.laion2b@timm", 224, 224, BICUBIC, HALF),
    TIMM("vit_base_patch16_siglip_224.webli@timm", 248, 224, BICUBIC, HALF),
    TIMM("vit_base_patch16_siglip_384.webli@timm", 426, 384, BICUBIC, HALF),
    TIMM("vit_base_patch16_siglip_512.webli@timm", 568, 512, BICUBIC, HALF),
    TIMM("vit_so400m_patch14_siglip_378.webli@timm", 420, 378, BICUBIC, HALF),
    TIMM("eva02_base_patch16_clip_224.merged2b@timm", 248, 224, BICUBIC, CLIP),
    TIMM("eva02_large_patch14_clip_336.merged2b@timm", 336, 336, BICUBIC, CLIP),
    TIMM("eva02_base_patch14_448.mim_in22k_ft_in22k_in1k@timm", 448, 0, BICUBIC, CLIP),
    TIMM("beit_base_patch16_224.in22k_ft_in22k_in1k@timm", 248, 224, BICUBIC, HALF),
    TIMM("beit_base_patch16_384.in22k_ft_in22k_in1k@timm", 384, 384, BICUBIC, HALF),
    TIMM("beitv2_base_patch16_224.in1k_ft_in22k_in1k@timm", 248, 224, BICUBIC, IN),
    TIMM("efficientnet_b0.ra_in1k@timm", 256, 224, BICUBIC, IN),
    TIMM("efficientnet_b1.ft_in1k@timm", 256, 224, BICUBIC, IN),
    TIMM("efficientnet_b1.ft_in1k@timm-test", 256, 256, BICUBIC, IN),
    TIMM("efficientnet_b2.ra_in1k@timm", 292, 256, BICUBIC, IN),
    TIMM("efficientnet_b2.ra_in1k@timm-test", 288, 288, BICUBIC, IN),
    TIMM("efficientnet_b3.ra2_in1k@timm", 329, 288, BICUBIC, IN),
    TIMM("efficientnet_b3.ra2_in1k@timm-test", 320, 320, BICUBIC, IN),
    TIMM("efficientnet_b4.ra2_in1k@timm", 365, 320, BICUBIC, IN),
    TIMM("efficientnet_b4.ra2_in1k@timm-test", 384, 384, BICUBIC, IN),
    TIMM("tf_efficientnet_b0.ns_jft_in1k@timm", 256, 224, BICUBIC, IN),
    TIMM("tf_efficientnet_b1.ns_jft_in1k@timm", 272, 240, BICUBIC, IN),
    TIMM("tf_efficientnet_b2.ns_jft_in1k@timm", 292, 260, BICUBIC, IN),
    TIMM("tf_efficientnet_b3.ns_jft_in1k@timm", 331, 300, BICUBIC, IN),
    TIMM("tf_efficientnet_b4.ns_jft_in1k@timm", 412, 380, BICUBIC, IN),
    TIMM("tf_efficientnet_b5.ns_jft_in1k@timm", 488, 456, BICUBIC, IN),
    TIMM("tf_efficientnet_b6.ns_jft_in1k@timm", 560, 528, BICUBIC, IN),
    TIMM("tf_efficientnet_b7.ns_jft_in1k@timm", 632, 600, BICUBIC, IN),
    TIMM("tf_efficientnet_b0.ap_in1k@timm", 256, 224, BICUBIC, HALF),
    TIMM("tf_efficientnetv2_s.in21k_ft_in1k@timm", 300, 300, BICUBIC, HALF),
    TIMM("tf_efficientnetv2_s.in21k_ft_in1k@timm-test", 384, 384, BICUBIC, HALF),
    TIMM("tf_efficientnetv2_m.in21k_ft_in1k@timm", 384, 0, BICUBIC, HALF),
    TIMM("tf_efficientnetv2_m.in21k_ft_in1k@timm-test", 480, 0, BICUBIC, HALF),
    TIMM("tf_efficientnetv2_l.in21k_ft_in1k@timm", 384, 0, BICUBIC, HALF),
    TIMM("tf_efficientnetv2_l.in21k_ft_in1k@timm-test", 480, 0, BICUBIC, HALF),
    TIMM("fastvit_mci0.apple_mclip@timm", 269, 256, BICUBIC, UNIT),
    TIMM("fastvit_mci1.apple_mclip@timm", 269, 256, BICUBIC, UNIT),
    TIMM("fastvit_mci2.apple_mclip@timm", 269, 256, BICUBIC, UNIT),
    TIMM("fastvit_mci0.apple_mclip2_dfndr2b@timm", 256, 256, BICUBIC, UNIT),
    TIMM("fastvit_mci3.apple_mclip2_dfndr2b@timm", 269, 256, BICUBIC, CLIP),
    TIMM("fastvit_mci4.apple_mclip2_dfndr2b@timm", 269, 256, BICUBIC, CLIP),
    TIMM("vit_pe_core_base_patch16_224.fb@timm", 224, 224, BICUBIC, HALF),
    TIMM("vit_pe_core_large_patch14_336.fb@timm", 336, 336, BICUBIC, HALF),
    TIMM("vit_pe_core_tiny_patch16_384.fb@timm", 384, 384, BICUBIC, HALF),
    TIMM("vit_pe_core_gigantic_patch14_448.fb@timm", 448, 448, BICUBIC, HALF),
    /* ---- torchvision 0.29 ---- */
    TORCHVISION("resnet50/IMAGENET1K_V1", 256, 224, BILINEAR, IN, true),
    TORCHVISION("resnet50/IMAGENET1K_V2", 232, 224, BILINEAR, IN, true),
    TORCHVISION("facebookresearch/dinov2", 256, 224, BICUBIC, IN, false),
    /* ---- transformers 5.23 ---- */
    TRANSFORMERS("openai/clip-vit-base-patch32", 224, 224, BICUBIC, CLIP, true),
    TRANSFORMERS("openai/clip-vit-base-patch16", 224, 224, BICUBIC, CLIP, true),
    TRANSFORMERS("openai/clip-vit-large-patch14", 224, 224, BICUBIC, CLIP, true),
    TRANSFORMERS("openai/clip-vit-large-patch14-336", 336, 336, BICUBIC, CLIP, false),
    TRANSFORMERS("google/siglip-base-patch16-224", 224, 0, BICUBIC, HALF, true),
    TRANSFORMERS("google/siglip-base-patch16-256", 256, 0, BICUBIC, HALF, false),
    TRANSFORMERS("google/siglip-base-patch16-384", 384, 0, BICUBIC, HALF, false),
    TRANSFORMERS("google/siglip-base-patch16-512", 512, 0, BICUBIC, HALF, false),
    TRANSFORMERS("google/siglip-large-patch16-256", 256, 0, BICUBIC, HALF, false),
    TRANSFORMERS("google/siglip-large-patch16-384", 384, 0, BICUBIC, HALF, false),
    TRANSFORMERS("google/siglip-so400m-patch14-224", 224, 0, BICUBIC, HALF, true),
    TRANSFORMERS("google/siglip-so400m-patch14-384", 384, 0, BICUBIC, HALF, false),
    TRANSFORMERS("google/siglip2-base-patch16-224", 224, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-base-patch16-256", 256, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-base-patch16-384", 384, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-base-patch16-512", 512, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-large-patch16-256", 256, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-large-patch16-384", 384, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-so400m-patch14-224", 224, 0, BILINEAR, HALF, false),
    TRANSFORMERS("google/siglip2-so400m-patch14-384", 384, 0, BILINEAR, HALF, false),
    TRANSFORMERS("facebook/dinov2-small", 256, 224, BICUBIC, IN, false),
    TRANSFORMERS("facebook/dinov2-base", 256, 224, BICUBIC, IN, false),
    TRANSFORMERS("facebook/dinov2-large", 256, 224, BICUBIC, IN, false),
    TRANSFORMERS("facebook/dinov2-giant", 256, 224, BICUBIC, IN, false),
    TRANSFORMERS("google/vit-base-patch16-224", 224, 0, BILINEAR, HALF, true),
    TRANSFORMERS("microsoft/beit-base-patch16-224", 224, 0, BILINEAR, HALF, false),
    TRANSFORMERS("microsoft/beit-base-patch16-384", 384, 0, BILINEAR, HALF, false),
    TRANSFORMERS("microsoft/beit-large-patch16-512", 512, 0, BILINEAR, HALF, false),
    TRANSFORMERS("facebook/convnext-tiny-224", 256, 224, BICUBIC, IN, false),
    TRANSFORMERS("facebook/convnext-base-384", 384, 0, BICUBIC, IN, false),
    TRANSFORMERS("microsoft/resnet-50", 256, 224, BICUBIC, IN, false),
    DINOV3("facebook/dinov3-vits16-pretrain-lvd1689m", 224, IN, true),
    DINOV3("facebook/dinov3-vitb16-pretrain-lvd1689m", 224, IN, true),
    DINOV3("facebook/dinov3-vitl16-pretrain-lvd1689m", 224, IN, true),
    DINOV3("facebook/dinov3-vith16plus-pretrain-lvd1689m", 224, IN, true),
    DINOV3("facebook/dinov3-vit7b16-pretrain-lvd1689m", 224, IN, true),
    DINOV3("facebook/dinov3-vitl16-pretrain-sat493m", 224, SAT, false),
    DINOV3("facebook/dinov3-vit7b16-pretrain-sat493m", 224, SAT, false),
    {"google/efficientnet-b0@transformers", MR__FAMILY_TRANSFORMERS, 224, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b1@transformers", MR__FAMILY_TRANSFORMERS, 240, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b2@transformers", MR__FAMILY_TRANSFORMERS, 260, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b3@transformers", MR__FAMILY_TRANSFORMERS, 300, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b4@transformers", MR__FAMILY_TRANSFORMERS, 380, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b5@transformers", MR__FAMILY_TRANSFORMERS, 456, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b6@transformers", MR__FAMILY_TRANSFORMERS, 528, 0, NEAREST, ROOTS, false, NULL},
    {"google/efficientnet-b7@transformers", MR__FAMILY_TRANSFORMERS, 600, 0, NEAREST, ROOTS, false, NULL},
    /* ---- what cannot be had ---- */
    UNSUPPORTED("google/efficientnet-b0@transformers-tv", MR__FAMILY_TRANSFORMERS_TV, "needs torch's nearest-exact"),
    UNSUPPORTED("google/siglip2-base-patch16-naflex@transformers", MR__FAMILY_TRANSFORMERS, NAFLEX),
    UNSUPPORTED("google/siglip2-so400m-patch16-naflex@transformers", MR__FAMILY_TRANSFORMERS, NAFLEX),
    UNSUPPORTED("google/siglip-base-patch16-224@big_vision", MR__FAMILY_COUNT, BIG_VISION),
    UNSUPPORTED("google/siglip2-base-patch16-224@big_vision", MR__FAMILY_COUNT, BIG_VISION),
};
/* clang-format on */

static void recipe_of(const row *r, mr__recipe *recipe)
{
    mr__recipe_init(recipe);
    recipe->resize = r->crop != 0 ? MR__RESIZE_SHORTEST : MR__RESIZE_SQUASH;
    recipe->width = recipe->height = r->edge;
    recipe->crop_width = recipe->crop_height = r->crop;
    recipe->filter = r->filter;
    recipe->twice = r->constants == ROOTS;
    for (int c = 0; c < 3; c++) {
        recipe->mean[c] = numbers[r->constants].mean[c];
        recipe->std[c] = numbers[r->constants].std[c];
    }
}

bool mr__preset_model_at(size_t index, mr__preset_entry *out)
{
    mr__recipe recipe;
    const row *r;

    if (index >= sizeof rows / sizeof rows[0])
        return false;
    r = &rows[index];
    *out = (mr__preset_entry){.info = {.name = r->name, .reference = "TensorFlow"}};
    out->info.verified = r->verified;
    out->info.unsupported = r->unsupported;
    out->info.summary = r->unsupported;
    if (r->family != MR__FAMILY_COUNT)
        out->info.reference = mr__family_reference(r->family);
    if (r->unsupported != NULL)
        return true;
    out->info.summary = mr__family_summary(r->family);
    recipe_of(r, &recipe);
    mr__family_spec(r->family, &recipe, &out->spec);
    return true;
}
