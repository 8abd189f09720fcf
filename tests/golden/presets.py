# SPDX-License-Identifier: Apache-2.0
"""Makes presets.json: of each preset the model's configuration, where that is from, and what the
library's own processor, made from it, gives for test pictures.

    python tests/golden/presets.py build/millrace > tests/golden/presets.json

Needs torch, torchvision, transformers, open_clip_torch and timm; their versions are written too.
A picture is the first 16 hex digits of the SHA-256 of its float32 [3,H,W]; null where the library
refuses it. Of what is not exact there are 64 values instead.
"""
import hashlib
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

CLIP = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]
SATELLITE = [0.430, 0.411, 0.296], [0.213, 0.156, 0.143]
ROOTS = IMAGENET[0], [0.47853944, 0.4732864, 0.47434163]
DEFAULTS = "the defaults of the class in transformers, which are this model's"
KNOWN = "as documented; no copy of the published file was at hand"

# (model, tag) of open_clip by the name of the preset
OPENCLIP = {
    "openai/clip-vit-base-patch32": ("ViT-B-32", "openai"), "openai/clip-vit-base-patch16": ("ViT-B-16", "openai"),
    "openai/clip-vit-large-patch14": ("ViT-L-14", "openai"),
    "openai/clip-vit-large-patch14-336": ("ViT-L-14-336", "openai"),
    "openai/clip-rn50": ("RN50", "openai"), "openai/clip-rn101": ("RN101", "openai"),
    "openai/clip-rn50x4": ("RN50x4", "openai"), "openai/clip-rn50x16": ("RN50x16", "openai"),
    "openai/clip-rn50x64": ("RN50x64", "openai"),
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": ("ViT-B-32", "laion2b_s34b_b79k"),
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": ("ViT-B-16", "laion2b_s34b_b88k"),
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K": ("ViT-H-14", "laion2b_s32b_b79k"),
    "laion/CLIP-ViT-g-14-laion2B-s12B-b42K": ("ViT-g-14", "laion2b_s12b_b42k"),
    "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k": ("ViT-bigG-14", "laion2b_s39b_b160k"),
    "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K": ("ViT-B-32-256", "datacomp_s34b_b86k"),
    "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K": ("ViT-L-14", "datacomp_xl_s13b_b90k"),
    "laion/CLIP-ViT-B-16-CommonPool.L-s1B-b8K": ("ViT-B-16", "commonpool_l_s1b_b8k"),
    "laion/ViT-B-16-plus-240-laion400m": ("ViT-B-16-plus-240", "laion400m_e32"),
    "laion/mscoco_finetuned_CoCa-ViT-L-14-laion2B-s13B-b90k": ("coca_ViT-L-14", "mscoco_finetuned_laion2b_s13b_b90k"),
    "laion/CLIP-ViT-B-32-roberta-base-laion2B-s12B-b32k": ("roberta-ViT-B-32", "laion2b_s12b_b32k"),
    "facebook/metaclip-b32-400m": ("ViT-B-32", "metaclip_400m"),
    "timm/eva02_base_patch16_clip_224.merged2b": ("EVA02-B-16", "merged2b_s8b_b131k"),
    "timm/eva02_large_patch14_clip_336.merged2b": ("EVA02-L-14-336", "merged2b_s6b_b61k"),
    "laion/CLIP-convnext_base_w-laion2B-s13B-b82K": ("convnext_base_w", "laion2b_s13b_b82k"),
    "laion/CLIP-convnext_large_d.laion2B-s26B-b102K-augreg": ("convnext_large_d", "laion2b_s26b_b102k_augreg"),
    "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg": ("convnext_xxlarge", "laion2b_s34b_b82k_augreg"),
    "laion/CLIP-convnext_base_w_320-laion_aesthetic-s13B-b82K": ("convnext_base_w_320", "laion_aesthetic_s13b_b82k"),
    "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft": ("convnext_large_d_320", "laion2b_s29b_b131k_ft"),
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K": ("ViT-L-14", "laion2b_s32b_b82k"),
    "apple/DFN5B-CLIP-ViT-H-14": ("ViT-H-14", "dfn5b"), "apple/DFN5B-CLIP-ViT-H-14-378": ("ViT-H-14-378", "dfn5b"),
    "facebook/metaclip-2-worldwide-huge-378": ("ViT-H-14-worldwide-378", "metaclip2_worldwide"),
    "UCSC-VLAA/ViT-L-14-CLIPA-datacomp1B": ("ViT-L-14-CLIPA", "datacomp1b"),
    "UCSC-VLAA/ViT-L-14-CLIPA-336-datacomp1B": ("ViT-L-14-CLIPA-336", "datacomp1b"),
    "visheratin/nllb-siglip-mrl-base": ("nllb-clip-base-siglip", "mrl"),
    "apple/MobileCLIP-S1": ("MobileCLIP-S1", "datacompdr"), "apple/MobileCLIP-S2": ("MobileCLIP-S2", "datacompdr"),
    "apple/MobileCLIP-B": ("MobileCLIP-B", "datacompdr"),
}
EDGES = {"-224": 224, "-256": 256, "-384": 384, "-512": 512, "large-patch14-336": 336}


def scene(width, height, channels, seed):
    """uint8 [H,W,C] of ramps, edges and grain, in integers: the same everywhere."""
    y, x, c = np.indices((height, width, channels))
    grain = (x * 7919 + y * 104729 + c * 1299709 + seed * 15485863) % 65521 % 23
    waves = abs((x * (3 + c) + y * 2 + seed * 17) % 320 - 160) + abs((y * (5 - c) + 40 * c) % 190 - 95)
    return (waves + grain + 60 * ((x // 37 + y // 23 + c) % 2)).clip(0, 255).astype(np.uint8)


def pictures(folder):
    """Files of every mode, in the order of the answers."""
    from PIL import Image

    def save(name, image, **options):
        image.save(folder / name, **options)
        names.append(name)

    names = []
    rgb = lambda width, height, seed: Image.fromarray(scene(width, height, 3, seed))
    of = lambda mode, width, height: Image.frombytes(mode, (width, height), scene(width, height, len(mode), 5).tobytes())
    save("edge.png", rgb(227, 224, 1))
    save("photo.jpg", rgb(500, 375, 2), quality=88, subsampling=2)
    save("tall.png", rgb(160, 900, 3))
    save("small.png", rgb(100, 81, 4))
    save("grey.jpg", of("L", 300, 261))
    save("cmyk.jpg", of("CMYK", 321, 243), quality=90)
    save("rgba.png", of("RGBA", 375, 501))
    save("la.png", of("LA", 263, 300))
    palette = of("L", 641, 481).point(lambda v: v // 8).convert("L")
    indexed = Image.frombytes("P", palette.size, palette.tobytes())
    indexed.putpalette(bytes(i * 73 % 256 for i in range(96)))
    save("palette.png", indexed)
    save("transparent.png", indexed, transparency=bytes(i * 37 % 256 for i in range(32)))
    save("bits.png", of("L", 310, 260).point(lambda v: 255 * (v > 127)).convert("1", dither=0))
    save("deep.png", Image.fromarray(scene(300, 260, 1, 6)[:, :, 0].astype(np.uint16) * 3))
    save("alpha.webp", of("RGBA", 250, 333), lossless=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    save("turned.jpg", rgb(330, 250, 7), exif=turned, quality=90)
    return names


# ---- configurations ----

def transformers_config(model):
    """(preprocessor_config.json, source) of a model of transformers."""
    edge = next((n for end, n in EDGES.items() if model.endswith(end)), 224)
    square, shortest = {"height": edge, "width": edge}, {"shortest_edge": edge}
    source = KNOWN

    def config(kind, size, resample, numbers, **more):
        return {"image_processor_type": kind, "do_resize": True, "size": size, "resample": resample,
                "do_rescale": True, "rescale_factor": 0.00392156862745098, "do_normalize": True,
                "image_mean": numbers[0], "image_std": numbers[1], **more}

    if model.startswith("openai/"):
        made = config("CLIPImageProcessor", shortest, 3, CLIP, do_center_crop=True, crop_size=square, do_convert_rgb=True)
        source = DEFAULTS if edge == 224 else KNOWN
    elif "siglip" in model:
        made = config("SiglipImageProcessor", square, 2 if "siglip2" in model else 3, HALF, do_convert_rgb=True)
        source = DEFAULTS if "siglip-" in model and edge == 224 else KNOWN
    elif "dinov2" in model:
        made = config("BitImageProcessor", {"shortest_edge": 256}, 3, IMAGENET, do_center_crop=True,
                      crop_size=square, do_convert_rgb=True)
    elif "dinov3" in model:
        made = config("DINOv3ViTImageProcessorFast", square, 2, SATELLITE if "sat493m" in model else IMAGENET)
        source = KNOWN if "sat493m" in model else DEFAULTS
    elif "vit-base" in model:
        made, source = config("ViTImageProcessor", square, 2, HALF), DEFAULTS
    elif "beit" in model:
        made = config("BeitImageProcessor", square, 2, HALF, do_center_crop=False, crop_size=square)
    elif "efficientnet" in model:
        edge = (224, 240, 260, 300, 380, 456, 528, 600)[int(model[-1])]
        made = config("EfficientNetImageProcessor", {"height": edge, "width": edge}, 0, ROOTS, include_top=True,
                      rescale_offset=False, do_center_crop=False)
    else:
        made = config("ConvNextImageProcessor", shortest, 3, IMAGENET, crop_pct=0.875)
    return made, source


def openclip_names(model):
    if model in OPENCLIP:
        return OPENCLIP[model]
    name = model.split("/")[1]
    import open_clip
    tags = [tag for known, tag in open_clip.list_pretrained() if known == name]
    return name, tags[0]


# ---- the libraries' own processors ----

def build_openclip(model):
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

    name, tag = openclip_names(model)
    size = open_clip.get_model_config(name)["vision_cfg"]["image_size"]
    own = open_clip.get_pretrained_cfg(name, tag)
    keys = ("mean", "std", "interpolation", "resize_mode")
    config = {"model_cfg": {"vision_cfg": {"image_size": size}}, "preprocess_cfg": {k: own[k] for k in keys if k in own}}
    merged = merge_preprocess_dict(PreprocessCfg(size=size), config["preprocess_cfg"])
    transform = image_transform_v2(PreprocessCfg(**merged), is_train=False)
    return config, f"open_clip.get_pretrained_cfg({name!r}, {tag!r})", lambda image: transform(image).numpy()


def build_timm(model, test):
    import timm
    from timm.data import create_transform, resolve_data_config

    own = timm.get_pretrained_cfg(model, allow_unregistered=False).to_dict()
    keys = ("input_size", "test_input_size", "interpolation", "crop_pct", "test_crop_pct", "crop_mode", "mean", "std")
    config = {"architecture": model.split(".")[0], "pretrained_cfg": {k: own[k] for k in keys if own.get(k) is not None}}
    resolved = resolve_data_config({}, pretrained_cfg=config["pretrained_cfg"], use_test_size=test)
    transform = create_transform(**resolved, is_training=False)
    return config, f"timm.get_pretrained_cfg({model!r})", lambda image: transform(image.convert("RGB")).numpy()


def build_torchvision(model):
    import torchvision
    from torchvision import transforms

    if model.startswith("resnet50"):
        transform = torchvision.models.ResNet50_Weights[model.split("/")[1]].transforms()
        source = f"torchvision.models.ResNet50_Weights.{model.split('/')[1]}.transforms()"
    else:
        transform = transforms.Compose([
            transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224),
            transforms.ToTensor(), transforms.Normalize(*IMAGENET)])
        source = "as documented by the authors, written out with torchvision's transforms"
    return None, source, lambda image: transform(image.convert("RGB")).numpy()


def build_transformers(model, torchvision_backend, drop_alpha):
    from transformers import AutoImageProcessor

    config, source = transformers_config(model)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(config), "utf-8")
        processor = AutoImageProcessor.from_pretrained(folder, backend="torchvision" if torchvision_backend else "pil")

    def run(image):
        if drop_alpha:
            image = image.convert("RGB")
        # some have no do_convert_rgb and refuse, or misread, what is not RGB: pictures become it by the same rule
        return np.asarray(processor(image, do_convert_rgb=True, return_tensors="pt")["pixel_values"][0])

    return config, source, run


def build(name):
    model, library = name.split("@")
    if library == "openclip":
        return build_openclip(model)
    if library.startswith("timm"):
        return build_timm(model, library == "timm-test")
    if library == "torchvision":
        return build_torchvision(model)
    return build_transformers(model, library == "transformers-tv", library == "transformers-5.20")


def sample(tensor):
    """64 values, spread over the whole."""
    flat = np.asarray(tensor, np.float32).ravel()
    return flat[np.arange(64) * (flat.size - 1) // 63]


def answer(run, path, exact):
    from PIL import Image

    try:
        out = np.ascontiguousarray(run(Image.open(path)), np.float32)
    except (ValueError, TypeError, RuntimeError, KeyError, IndexError):
        return None
    if not exact:
        return [float(f"{v:.7g}") for v in sample(out)]
    return hashlib.sha256(out.tobytes()).hexdigest()[:16]


def config_hash(config):
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest() if config else None


def main():
    import PIL
    import open_clip
    import timm
    import torch
    import torchvision
    import transformers

    warnings.simplefilter("ignore")
    known = subprocess.run([sys.argv[1], "plan", "--json"], capture_output=True, text=True, check=True).stdout
    presets = [p for p in map(json.loads, known.splitlines()) if "@" in p["name"] and "unsupported" not in p]
    versions = {module.__name__: module.__version__ for module in (PIL, torch, torchvision, transformers, open_clip, timm)}
    print(json.dumps({"versions": versions})[:-1] + ', "presets": [')
    with tempfile.TemporaryDirectory() as folder:
        names = pictures(Path(folder))
        for n, preset in enumerate(presets):
            config, source, run = build(preset["name"])
            line = {"name": preset["name"], "config": config, "source": source, "sha256": config_hash(config),
                    "pictures": [answer(run, Path(folder) / name, preset["exact"]) for name in names]}
            print(json.dumps(line) + ("," if n + 1 < len(presets) else "\n]}"), flush=True)


if __name__ == "__main__":
    main()
