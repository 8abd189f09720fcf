#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts about 600 pictures of mixed formats and sizes out of Debian's desktop photographs.

The photographs come from the packages mate-backgrounds and (for more) plasma-workspace-wallpapers.
Beside the pictures stand nine broken items, list.txt names everything, one line an item relative
to the working directory, and expected.json says what a reader must make of it:

    {"version": 2, "sources": [...], "good": [{"path", "source", "format", "mode", "size",
     "orientation"}...], "broken": {"PATH": "reason code"}, "queries": [{"path", "of", "kind"}...]}

Altered copies to search with (queries/) and small upright copies for the demo's page (thumbs/) are
not in the list.

Deterministic for a given Pillow: everything random is drawn from a generator seeded with the name
of the photograph. A second run finds its stamp and does nothing.
"""
import argparse
import functools
import io
import json
import multiprocessing
import os
import random
import shutil
import sys
from pathlib import Path

VERSION = 2
SEED = "millrace corpus 1"
TARGET = 600
THUMB = 264             # longest side, pixels
QUERY_KINDS = ["crop", "copy", "crop", "flip"]

MATE = Path("/usr/share/backgrounds/mate")
PLASMA = Path("/usr/share/wallpapers")

# photographs only: cuts of flat vector art are alike, and say nothing about retrieval
MATE_PHOTOS = [
    "nature/Aqua.jpg", "nature/Blinds.jpg", "nature/Dune.jpg", "nature/FreshFlower.jpg",
    "nature/Garden.jpg", "nature/GreenMeadow.jpg", "nature/LadyBird.jpg",
    "nature/RainDrops.jpg", "nature/Storm.jpg", "nature/TwoWings.jpg", "nature/Wood.jpg",
    "nature/YellowFlower.jpg", "abstract/Elephants_3840x2160.jpg",
]
PLASMA_PHOTOS = [
    "BytheWater", "ColdRipple", "ColorfulCups", "EveningGlow", "FallenLeaf", "Grey", "Kite",
    "OneStandsOut", "Path", "summer_1am", "Autumn", "SafeLanding",
]
PLASMA_SIZES = ["2560x1600.jpg", "5120x2880.jpg"]

ASPECTS = [(1, 1), (4, 3), (3, 2), (16, 9), (3, 4), (2, 3), (21, 9), (5, 4)]
MAX_OVERLAP = 0.35      # intersection over union of two cuts of one photograph
MIN_CONTRAST = 9.0      # standard deviation of luma: less is an empty sky
ORIENTATION = 0x0112    # EXIF tag


def photographs():
    """Paths of the photographs that this machine has, in a fixed order."""
    found = [MATE / name for name in MATE_PHOTOS if (MATE / name).is_file()]
    for name in PLASMA_PHOTOS:
        images = PLASMA / name / "contents" / "images"
        found += [images / size for size in PLASMA_SIZES if (images / size).is_file()][:1]
    return found


def overlap(a, b):
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / (areas - both)


def draw_box(rng, size):
    """A random box of 18 to 70 % of the photograph's shorter side, of a usual aspect."""
    across, down = rng.choice(ASPECTS)
    side = min(size) * rng.uniform(0.18, 0.70)
    width = max(48, min(size[0], round(side * (across / down) ** 0.5)))
    height = max(48, min(size[1], round(side * (down / across) ** 0.5)))
    left = rng.randint(0, size[0] - width)
    top = rng.randint(0, size[1] - height)
    return (left, top, left + width, top + height)


def contrast(image, box):
    from PIL import ImageStat
    cut = image.resize((64, 64), box=box).convert("L")
    return ImageStat.Stat(cut).stddev[0]


def boxes(rng, image, count):
    """`count` boxes with something in them that overlap little; the whole photograph first."""
    found = [(0, 0, *image.size)]
    for limit in (MAX_OVERLAP, 0.5, 0.6):
        for _ in range(40 * count):
            if len(found) == count:
                return found
            box = draw_box(rng, image.size)
            if any(overlap(box, other) > limit for other in found):
                continue
            if contrast(image, box) >= MIN_CONTRAST:
                found.append(box)
    return found


def target_size(rng, box):
    """Mostly web sizes, a few thumbnails and a few large ones; never enlarged."""
    longest = rng.choices([rng.randint(72, 160), rng.randint(200, 640), rng.randint(640, 1280),
                           rng.randint(1600, 2400)], weights=[8, 52, 34, 6])[0]
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, longest / max(width, height))
    return max(24, round(width * scale)), max(24, round(height * scale))


def save_jpeg(rng, image, path):
    options = {"quality": rng.choice([60, 75, 80, 85, 90, 92, 95]),
               "subsampling": rng.choice(["4:2:0", "4:2:0", "4:2:2", "4:4:4"]),
               "progressive": rng.random() < 0.2, "optimize": rng.random() < 0.3}
    kind = rng.random()
    if kind < 0.06:
        image = image.convert("L")
        del options["subsampling"]
    elif kind < 0.10:
        from PIL import Image
        # stored turned to the right, and said so: upright for whoever obeys the tag
        turned = image.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        image, options["exif"] = turned, exif
    elif kind < 0.16:
        options["restart_marker_rows"] = 1
    image.save(path, "JPEG", **options)
    return image


def soft_mask(size):
    """Opaque in the middle, transparent towards the corners: a radial gradient as alpha."""
    from PIL import Image, ImageOps
    return ImageOps.invert(Image.radial_gradient("L")).point(lambda v: min(255, 40 + 2 * v)) \
        .resize(size)


def save_png(rng, image, path):
    kind = rng.choice(["RGB", "RGB", "P", "RGBA", "L", "P-alpha"])
    longest = max(image.size)
    if longest > 640:
        image = image.reduce(-(-longest // 640))
    if kind == "RGBA":
        image = image.copy()
        image.putalpha(soft_mask(image.size))
    elif kind == "L":
        image = image.convert("L")
    elif kind.startswith("P"):
        image = image.quantize(rng.choice([16, 128, 256]))
    transparent = {"transparency": 0} if kind == "P-alpha" else {}
    image.save(path, "PNG", compress_level=4, **transparent)
    return image


def save_webp(rng, image, path):
    longest = max(image.size)
    if longest > 1024:
        image = image.reduce(-(-longest // 1024))
    if rng.random() < 0.12:
        image = image.copy()
        image.putalpha(soft_mask(image.size))
    lossless = rng.random() < 0.1 and max(image.size) < 400
    image.save(path, "WEBP", quality=rng.choice([70, 80, 90]), method=2, lossless=lossless)
    return image


def save_thumb(path, folder):
    """The picture as a person sees it: upright, on white."""
    upright(path).save(folder / f"{path.name}.jpg", "JPEG", quality=82)


def upright(path, longest=THUMB):
    from PIL import Image, ImageOps
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    image = Image.alpha_composite(white, image).convert("RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return image


def queries(good, out):
    """Altered copies, saved at low quality, of pictures with much in them of different photographs."""
    from PIL import ImageOps
    wide = [piece for piece in good if 480 <= max(piece["size"]) <= 1280
            and min(piece["size"]) >= 240 and piece["format"] == "jpg" and piece["mode"] == "RGB"
            and piece["orientation"] == 1]
    rng = random.Random(SEED)
    best = {}
    for piece in wide:
        thumb = upright(piece["path"])
        best[piece["source"]] = max(best.get(piece["source"], (0.0, None)),
                                    (contrast(thumb, (0, 0, *thumb.size)), piece),
                                    key=lambda pair: pair[0])
    strongest = sorted(best.values(), key=lambda pair: -pair[0])
    found = []
    for (_, piece), kind in zip(strongest, QUERY_KINDS):
        image = upright(piece["path"], longest=4096)
        width, height = image.size
        if kind == "crop":
            left, top = rng.randint(0, width // 5), rng.randint(0, height // 5)
            image = image.crop((left, top, left + width * 4 // 5, top + height * 4 // 5))
        elif kind == "copy":
            image = image.resize((width // 2, height // 2))
        else:
            image = ImageOps.mirror(image)
        path = out / "queries" / f"{kind}-of-{Path(piece['path']).stem}.jpg"
        image.save(path, "JPEG", quality=50)
        save_thumb(path, out / "thumbs")
        found.append({"path": str(path), "of": piece["path"], "kind": kind})
    return found


WRITERS = {"jpg": save_jpeg, "png": save_png, "webp": save_webp}


def cut(photo, count, folder):
    """Cuts one photograph; returns what expected.json says of each piece."""
    from PIL import Image
    name = photo.stem if photo.is_relative_to(MATE) else photo.parts[len(PLASMA.parts)]
    name = name.split("_3840")[0].lower().replace("_", "-")
    rng = random.Random(f"{SEED} {name}")
    image = Image.open(photo)
    image.draft("RGB", (2560, 1600))
    image = image.convert("RGB")
    pieces = []
    for number, box in enumerate(boxes(rng, image, count)):
        kind = rng.choices(["jpg", "png", "webp"], weights=[68, 16, 16])[0]
        path = folder / f"{name}-{number:02d}.{kind}"
        piece = image.resize(target_size(rng, box), Image.Resampling.LANCZOS, box=box,
                             reducing_gap=2.0)
        written = WRITERS[kind](rng, piece, path)
        save_thumb(path, folder.parent / "thumbs")
        pieces.append({"path": str(path), "source": name, "format": kind,
                       "mode": written.mode, "size": list(written.size),
                       "orientation": Image.open(path).getexif().get(ORIENTATION, 1)})
    return pieces


def huge_header(small_jpeg):
    """A JPEG whose frame header claims 65500x65500 pixels."""
    data = bytearray(small_jpeg)
    at = 2
    while data[at + 1] not in (0xC0, 0xC2):
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    data[at + 5:at + 9] = (65500).to_bytes(2, "big") * 2
    return bytes(data)


def broken_items(folder):
    """Makes the nine broken items; returns {path: reason code}."""
    from PIL import Image
    folder.mkdir()
    picture = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(picture, "JPEG", quality=90)
    whole = picture.getvalue()
    noise = b"\x07" + random.Random(SEED).randbytes(8191)  # 7: no format begins with it
    page = (b"<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head>"
            b"<body><h1>Forbidden</h1></body></html>\n")
    files = {"empty.jpg": (b"", "empty"), "two-bytes.jpg": (whole[:2], "too_short"),
             "web-page.jpg": (page, "not_image"),
             "truncated.jpg": (whole[:len(whole) * 3 // 5], "truncated"),
             "random-bytes.jpg": (noise, "not_image"),
             "huge-header.jpg": (huge_header(whole), "too_many_pixels")}
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    (folder / "directory.jpg").mkdir()
    os.mkfifo(folder / "fifo.jpg")
    codes = {name: code for name, (_, code) in files.items()}
    codes |= {"directory.jpg": "not_regular_file", "fifo.jpg": "not_regular_file",
              "missing.jpg": "not_found"}
    return {str(folder / name): code for name, code in codes.items()}


def make(out, photos, count):
    """Fills the folder; returns how many good and broken items it then has."""
    per_photo = -(-count // len(photos))
    with multiprocessing.Pool(min(len(os.sched_getaffinity(0)), len(photos))) as pool:
        parts = pool.map(functools.partial(cut, count=per_photo, folder=out / "photos"), photos,
                         chunksize=1)
    good = [piece for part in parts for piece in part][:count]
    for piece in [piece for part in parts for piece in part][count:]:
        os.unlink(piece["path"])
        os.unlink(out / "thumbs" / f"{Path(piece['path']).name}.jpg")
    broken = broken_items(out / "broken")
    lines = [piece["path"] for piece in good]
    rng = random.Random(SEED)
    rng.shuffle(lines)
    for path in broken:
        lines.insert(rng.randrange(len(lines)), path)
    (out / "list.txt").write_text("".join(f"{line}\n" for line in lines))
    facts = {"version": VERSION, "sources": [str(photo) for photo in photos], "good": good,
             "broken": broken, "queries": queries(good, out)}
    (out / "expected.json").write_text(json.dumps(facts, indent=1) + "\n")
    return len(good), len(broken)


def stamp_text(out, photos, count):
    import PIL
    return json.dumps({"version": VERSION, "pillow": PIL.__version__, "count": count,
                       "out": str(out), "photos": [str(photo) for photo in photos]}) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Make the demo's corpus of photographs.")
    parser.add_argument("out", type=Path, nargs="?", default=Path("build/corpus"),
                        help="folder to make (default: build/corpus)")
    parser.add_argument("--count", type=int, default=TARGET,
                        help=f"good pictures wanted (default: {TARGET})")
    parser.add_argument("--mate-only", action="store_true",
                        help="use mate-backgrounds alone even where there are more photographs")
    args = parser.parse_args()
    photos = photographs()
    if args.mate_only:
        photos = [photo for photo in photos if photo.is_relative_to(MATE)]
    if not photos:
        sys.exit("make_corpus: no photographs found: apt-get install mate-backgrounds")
    out = args.out
    stamp, text = out / ".stamp", stamp_text(out, photos, args.count)
    if stamp.is_file() and stamp.read_text() == text:
        print(f"corpus: {out} is up to date")
        return
    if out.exists():
        if not (stamp.is_file() or (out / ".making").is_file() or not any(out.iterdir())):
            sys.exit(f"make_corpus: {out} is not a corpus made by this tool; remove it yourself")
        shutil.rmtree(out)
    for name in ("photos", "thumbs", "queries"):
        (out / name).mkdir(parents=True)
    (out / ".making").touch()  # says whose folder it is when a run was interrupted
    n_good, n_broken = make(out, photos, args.count)
    (out / ".making").unlink()
    stamp.write_text(text)
    print(f"corpus: {n_good} pictures of {len(photos)} photographs and {n_broken} broken items "
          f"in {out}, named by {out / 'list.txt'}")


if __name__ == "__main__":
    main()
