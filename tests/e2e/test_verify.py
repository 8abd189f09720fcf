# SPDX-License-Identifier: Apache-2.0
"""millrace verify: the reference library beside millrace, a stage at a time. The reference that is broken on
purpose (a sitecustomize of its interpreter) shows that each stage is really compared, and named."""
import json
import sys

import numpy as np
import PIL
import pytest
from command import run
from PIL import Image

OPENCLIP = "openai/clip-vit-base-patch32@openclip"
SIGLIP = "google/siglip-base-patch16-224@transformers"
# what the broken reference does wrong, and the stage that shows it
BROKEN = {
    "decode": "import PIL.ImageFile as F; f = F.ImageFile.load\n"
              "def load(self):\n    r = f(self); self.im.putpixel((3, 2), (7, 7, 7)); return r\n"
              "F.ImageFile.load = load\n",
    "resize": "import PIL.Image as I; f = I.Image.resize\n"
              "I.Image.resize = lambda self, size, kind: f(self, size, I.Resampling.LANCZOS)\n",
    "crop": "import builtins, math\nbuiltins.round = math.floor\n",
    "tensor": "import numpy as n; a = n.array\n"
              "n.array = lambda v, *t: a([x + 1e-7 for x in v] if t and v and v[0] == 0.48145467 else v, *t)\n",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """One of each kind."""
    folder = tmp_path_factory.mktemp("verify")
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (40, 57, 4), dtype=np.uint8)
    rgba = Image.fromarray(small).resize((401, 331), Image.Resampling.BICUBIC)  # 47 columns to crop: floor is not half-even
    rgb = rgba.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "rgb.jpg", quality=85)
    rgb.save(folder / "exif.jpg", exif=exif)
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    rgb.convert("L").save(folder / "grey.png")
    rgb.quantize(60).save(folder / "palette.png", transparency=3)
    rgba.save(folder / "alpha.png")
    rgb.save(folder / "lossy.webp", quality=70)
    (folder / "cut.jpg").write_bytes((folder / "rgb.jpg").read_bytes()[:3000])
    (folder / "page.jpg").write_text("<!doctype html>\n" * 30)
    return folder


def verify(folder, plan, *names, **more):
    return run(folder, "verify", "--plan", plan, "--python", sys.executable, *names, **more)


@pytest.mark.parametrize("plan", [OPENCLIP, SIGLIP, "letterbox", "raw", "millrace/builtin",
                                  "letterbox?pass_order=horizontal-first&filter=lanczos"])
def test_the_same(photos, plan):
    names = sorted(p.name for p in photos.iterdir())
    done = verify(photos, plan, *names, "--json")
    head, *files, end = map(json.loads, done.lines)
    assert head["versions"]["Pillow"] == PIL.__version__ and head["exact"] is True
    assert [f["file"] for f in files] == names
    assert all(f["verdict"] == "same" for f in files), files
    assert {f["file"] for f in files if f["stages"] == 0} == {"cut.jpg", "page.jpg"}
    assert all(f["stages"] == 5 for f in files if f["file"] not in ("cut.jpg", "page.jpg"))
    assert end == {"files": 9, "same": 9, "different": 0, "not_compared": 0}


@pytest.mark.parametrize("plan", ["letterbox:40x30?decode=draft", "letterbox:40x30?resize=thumbnail&colour=rgb-last&reducing_gap=2"])
def test_drafts(photos, tmp_path, plan):
    """Their reference opens the file anew; one that does not draft is noticed."""
    names = ["rgb.jpg", "exif.jpg", "cmyk.jpg", "palette.png", "cut.jpg"]
    _, *files, _ = map(json.loads, verify(photos, plan, *names, "--json").lines)
    assert [(f["verdict"], f["stages"]) for f in files] == [("same", 4)] * 4 + [("same", 0)], files
    (tmp_path / "sitecustomize.py").write_text("import PIL.JpegImagePlugin as J\nJ.JpegImageFile.draft = lambda self, mode, size: None\n")
    done = verify(photos, plan, "rgb.jpg", "--json", expect=1, env={"PYTHONPATH": str(tmp_path)})
    assert json.loads(done.lines[1])["stage"] == "crop"


def test_what_fast_may_be_off_by(photos):
    head, *files, _ = map(json.loads, verify(photos, "letterbox:40x30?decode=fast", "rgb.jpg", "palette.png", "--json").lines)
    assert head["exact"] is False and [f["verdict"] for f in files] == ["same", "same"]


@pytest.mark.parametrize("stage", BROKEN)
def test_what_differs_is_named(photos, tmp_path, stage):
    (tmp_path / "sitecustomize.py").write_text(BROKEN[stage])
    done = verify(photos, OPENCLIP, "rgb.jpg", "--json", expect=1, env={"PYTHONPATH": str(tmp_path)})
    said = json.loads(done.lines[1])
    assert (said["verdict"], said["stage"]) == ("different", stage), said
    assert said["values"] > 0 and said["max"] > 0 and said["mean"] > 0 and said["psnr"] > 0
    shown = verify(photos, OPENCLIP, "rgb.jpg", expect=1, env={"PYTHONPATH": str(tmp_path)})
    assert f"different     rgb.jpg: {stage}: " in shown.stdout and "PSNR" in shown.stdout
    assert shown.lines[-1] == "1 files: 0 the same, 1 different, 0 not compared"


def test_one_refuses(photos, tmp_path):
    """A picture that only the reference takes is a difference."""
    (tmp_path / "sitecustomize.py").write_text("import PIL.ImageFile as F; F.LOAD_TRUNCATED_IMAGES = True\n")
    done = verify(photos, OPENCLIP, "cut.jpg", expect=1, env={"PYTHONPATH": str(tmp_path)})
    assert "different     cut.jpg: decode: millrace refuses it (truncated" in done.stdout


def test_mistakes(photos):
    assert "--plan is missing" in run(photos, "verify", "rgb.jpg", expect=2).stderr
    assert "FILE is missing" in run(photos, "verify", "--plan", "raw", expect=2).stderr
    assert "gone.jpg: No such file" in verify(photos, "raw", "gone.jpg", expect=2).stderr
    assert "not a regular file" in verify(photos, "raw", ".", expect=2).stderr
    gone = run(photos, "verify", "--plan", "raw", "--python", "/gone/python", "rgb.jpg", expect=3).stderr
    assert "/gone/python: No such file" in gone and "--python FILE" in gone
    assert "ended" in run(photos, "verify", "--plan", "raw", "--python", "true", "rgb.jpg", expect=3).stderr
    # the library of the plan is not there
    jax = verify(photos, "original/masked-stretch", "rgb.jpg", expect=3, env={"PYTHONPATH": str(hide(photos, "jax"))})
    assert "jax" in jax.stderr and "see:" not in jax.stdout


def hide(folder, name):
    """A folder in which the module cannot be imported."""
    place = folder / "hidden"
    place.mkdir(exist_ok=True)
    (place / f"{name}.py").write_text(f"raise ImportError('No module named {name}')\n")
    return place


def test_a_module_of_the_working_folder_is_not_run(photos):
    (photos / "numpy.py").write_text("raise SystemExit(9)\n")
    try:
        verify(photos, "raw", "rgb.jpg")
    finally:
        (photos / "numpy.py").unlink()
