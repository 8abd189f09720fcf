# SPDX-License-Identifier: Apache-2.0
"""What the reference library makes of a picture, stage by stage. `millrace verify` carries this text and runs it.

First a line {"versions": {...}} or {"missing": "..."}. Then, for each line {"path", "plan", "max_pixels"} of standard
input, the plan being what `millrace plan NAME --json` prints: a line {"stages": [{"name", "dtype", "shape"}, ...]}
and the arrays behind it, [height, width, 3] (the last as the plan lays it out); or {"error": "..."}.

The steps are those of the libraries that the presets name, written with Pillow and numpy; the other engines are
torchvision's resize and jax.image.resize themselves. Nothing here is shared with millrace's own arithmetic.
"""
import sys

sys.path[:] = [folder for folder in sys.path if folder]  # no module of the working directory

import importlib  # noqa: E402
import json  # noqa: E402
import platform  # noqa: E402
import warnings  # noqa: E402

ENGINES = {"torch-uint8": "torchvision", "torch-float": "torchvision", "float": "jax"}
PREMULTIPLIED = {"RGBA": "RGBa", "LA": "La"}


class Libraries:
    """The modules that the plan needs, imported once."""

    def __init__(self):
        self.np = importlib.import_module("numpy")
        self.image = importlib.import_module("PIL.Image")
        self.ops = importlib.import_module("PIL.ImageOps")
        self.image.MAX_IMAGE_PIXELS = None
        self.versions = {"Python": platform.python_version(), "Pillow": importlib.import_module("PIL").__version__,
                         "numpy": self.np.__version__}

    def need(self, engine):
        """Imports what the engine is the arithmetic of."""
        name = ENGINES.get(engine)
        if name and name not in self.versions:
            self.versions[name] = importlib.import_module(name).__version__


# ---- into RGB ----

def on_white(lib, image):
    """convert_to_rgb of transformers since 5.21."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.has_transparency_data or "A" in image.getbands():
        rgba = image.convert("RGBA")
        image = lib.image.alpha_composite(lib.image.new("RGBA", rgba.size, (255, 255, 255)), rgba)
    return image.convert("RGB")


def upright(lib, plan, image):
    return lib.ops.exif_transpose(image) if plan["exif"] == "apply" else image


def into_rgb(lib, plan, image):
    return on_white(lib, image) if plan["alpha"] == "white" else image.convert("RGB")


# ---- geometry ----

def resized_size(plan, size):
    (width, height), (want_w, want_h) = size, plan["resize_size"]
    if plan["resize"] == "shortest":
        if width <= height:
            return want_w, int(want_w * height / width)
        return int(want_w * width / height), want_w
    if plan["resize"] == "letterbox":
        if want_w * height <= want_h * width:
            return want_w, want_w * height // width
        return want_h * width // height, want_h
    return (width, height) if plan["resize"] == "none" else (want_w, want_h)


def crop_axis(rule, size, want):
    """First pixel that stays, how many do, and how many of padding come before them."""
    if size >= want:
        return (round((size - want) / 2) if rule == "centre-half-even" else (size - want) // 2), want, 0
    missing = want - size
    return 0, size, (missing + 1) // 2 if rule == "centre-floor" else missing // 2


def mask_axis(np, side, scale, want):
    visible = min(max(1, int(np.float32(side) * scale)), want)
    return (want - visible) // 2, visible, (want - visible) // 2


def window(np, plan, stored, resized):
    """For x and y what of the resized picture stays, and where it lands; and the size of the output."""
    if plan["resize"] == "masked-stretch":
        size = plan["resize_size"]
        scale = min(np.float32(size[0]) / np.float32(stored[0]), np.float32(size[1]) / np.float32(stored[1]))
        return [mask_axis(np, stored[k], scale, size[k]) for k in range(2)], size
    size = plan["crop_size"] if plan["crop"] != "none" else plan["resize_size"]
    return [crop_axis(plan["crop"], resized[k], size[k]) for k in range(2)], size


# ---- the stages ----

def resize_bytes(lib, plan, image, size):
    """Image.resize; with the passes in the order of an older Pillow where the plan says so."""
    if size == image.size:
        return image
    kind = getattr(lib.image.Resampling, plan["filter"].upper())
    gap = plan.get("reducing_gap") or None
    if plan["pass_order"] == "pillow-13" or image.mode in ("1", "P") or plan["filter"] == "nearest":
        return image.resize(size, kind, reducing_gap=gap) if gap else image.resize(size, kind)
    if gap:
        raise NotImplementedError("reducing_gap is compared with the passes of Pillow 13")
    mode, (width, height) = image.mode, image.size
    image = image.convert(PREMULTIPLIED.get(mode, mode))
    vertical = plan["pass_order"] == "pillow-12.2" and height > 100 * width and size[1] < height
    return image.resize((width, size[1]) if vertical else (size[0], height), kind).resize(size, kind).convert(mode)


def resize_jax(lib, plan, levels, size):
    resize = importlib.import_module("jax.image").resize
    return lib.np.asarray(resize(levels.astype(lib.np.float32), (size[1], size[0], 3), plan["filter"], antialias=True))


def resize_torch(lib, plan, levels, size):
    """On uint8 or on float tensors; those rounded behind it, or scaled before it."""
    np, torch = lib.np, importlib.import_module("torch")
    functional = importlib.import_module("torchvision.transforms.v2.functional")
    kind = importlib.import_module("torchvision.transforms").InterpolationMode(plan["filter"])
    tensor = torch.from_numpy(np.array(levels)).permute(2, 0, 1)
    if plan["engine"] == "torch-float":
        tensor = tensor.float()
    if plan["norm"] == "rescale-first":
        tensor = tensor * plan["rescale"]
    tensor = functional.resize(tensor, [size[1], size[0]], interpolation=kind, antialias=True)
    if plan["engine"] == "torch-float" and plan["norm"] != "rescale-first":
        tensor = tensor.round().clamp(0, 255).to(torch.uint8)
    return tensor.permute(1, 2, 0).numpy()


def resize(lib, plan, image, rgb, size):
    """Levels [height, width, 3] after the plan's resize of the picture, or of it in RGB."""
    if plan.get("engine") in ENGINES:
        step = resize_jax if plan["engine"] == "float" else resize_torch
        return step(lib, plan, lib.np.asarray(rgb), size)
    if plan["colour"] == "rgb-first":
        return lib.np.asarray(resize_bytes(lib, plan, rgb, size))
    return lib.np.asarray(resize_bytes(lib, plan, image, size).convert("RGB"))


def cut(np, plan, levels, stored):
    """Crop and padding."""
    resized = (levels.shape[1], levels.shape[0])
    ((x, width, left), (y, height, top)), size = window(np, plan, stored, resized)
    out = np.empty((size[1], size[0], 3), levels.dtype)
    out[:] = np.array(plan["fill"]) * plan["rescale"] if plan["norm"] == "rescale-first" else plan["fill"]
    out[top:top + height, left:left + width] = levels[y:y + height, x:x + width]
    return out


def normalise(np, plan, levels):
    mean, std = np.array(plan["mean"], np.float32), np.array(plan["std"], np.float32)
    if plan["norm"] == "torchvision":
        levels = (levels.astype(np.float32) / np.float32(255) - mean) / std
    elif plan["norm"] in ("hf", "hf-twice"):
        levels = ((levels.astype(np.float64) * plan["rescale"]).astype(np.float32) - mean) / std
        if plan["norm"] == "hf-twice":
            levels = levels / std
    elif plan["norm"] == "hf-float":
        levels = (levels.astype(np.float32) * np.float32(plan["rescale"]) - mean) / std
    elif plan["norm"] == "hf-fused":
        scale = np.float32(1 / plan["rescale"])
        levels = (levels.astype(np.float32) - mean * scale) / (std * scale)
    elif plan["norm"] == "rescale-first":
        levels = (levels - mean) / std
    levels = levels.astype({"f32": np.float32, "u8": np.uint8}[plan["dtype"]])
    return levels.transpose(2, 0, 1) if plan["layout"] == "nchw" else levels


def smaller(lib, plan, path):
    """The last stages of a picture that is opened anew, to be drafted."""
    want, gap = tuple(plan["resize_size"]), plan.get("reducing_gap") or None
    with lib.image.open(path) as image:
        if plan["resize"] == "thumbnail":
            image.thumbnail(want, getattr(lib.image.Resampling, plan["filter"].upper()), reducing_gap=gap)
            levels = lib.np.asarray(into_rgb(lib, plan, image))
        else:
            image.draft("RGB", want)
            image = upright(lib, plan, image)
            levels = resize(lib, plan, image, into_rgb(lib, plan, image), resized_size(plan, image.size))
        levels = cut(lib.np, plan, levels, image.size)
    yield "crop", levels
    yield "tensor", normalise(lib.np, plan, levels)


def stages(lib, request):
    """Yields name and array of each stage, in their order."""
    plan, path, max_pixels = request["plan"], request["path"], request["max_pixels"]
    np = lib.np
    with lib.image.open(path) as image:
        if image.width * image.height > max_pixels:
            raise ValueError(f"{image.width} x {image.height} pixels are over the limit")
        image.load()
        yield "decode", np.asarray(image.convert("RGB"))
        image = upright(lib, plan, image)
        rgb = into_rgb(lib, plan, image)
        yield "mode", np.asarray(rgb)
        if plan.get("decode") == "draft" or plan["resize"] == "thumbnail":
            yield from smaller(lib, plan, path)
            return
        size = resized_size(plan, image.size)
        levels = resize(lib, plan, image, rgb, size)
        yield "resize", levels
        levels = cut(np, plan, levels, image.size)
        yield "crop", levels
        yield "tensor", normalise(np, plan, levels)


# ---- the conversation ----

def say(value):
    sys.stdout.buffer.write(json.dumps(value).encode() + b"\n")


def answer(lib, request):
    try:
        made = list(stages(lib, request))
    except Exception as failure:  # whatever the libraries raise is their verdict on the picture
        say({"error": f"{type(failure).__name__}: {failure}"})
        return
    say({"stages": [{"name": name, "dtype": str(array.dtype), "shape": array.shape} for name, array in made]})
    for _, array in made:
        sys.stdout.buffer.write(array.tobytes())


def main():
    warnings.simplefilter("ignore")
    try:
        lib = Libraries()
    except ImportError as failure:
        say({"missing": str(failure)})
        return
    told = False
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if not told:
            try:
                lib.need(request["plan"].get("engine"))
            except ImportError as failure:
                say({"missing": str(failure)})
                return
            say({"versions": lib.versions})
            told = True
        answer(lib, request)
        sys.stdout.buffer.flush()


main()
