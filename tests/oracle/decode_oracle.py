#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decoded pixels, modes, orientation and verdicts against Pillow 13.0.0: 0 differing bytes.

Makes files of every mode and many kinds of damage, decodes each whole and in random regions with
the test program decode-dump, and with Pillow. Needs MILLRACE_BUILD_DIR (a build with tests).
Ends with "N passed, N failed".
"""
import io
import os
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageFile

MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]
WHOLE = (0, 0, 0, 0)
REGIONS = 6  # random regions of each good file
MUTANTS = 1500  # damaged JPEG and PNG files: verdict and pixels
RNG = random.Random(20240607)
PIXELS = np.random.default_rng(20240607)
warnings.simplefilter("ignore")
ImageFile.MAXBLOCK = 1 << 20  # or tiny pictures of high quality do not fit the encoder's buffer


class Dump:
    """The test program: one line asked, one answer."""

    def __init__(self, program):
        self.file = tempfile.NamedTemporaryFile(prefix="millrace-decode-")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def decode(self, data, region=WHOLE):
        with open(self.file.name, "wb") as f:
            f.write(data)
        line = "%d %d %d %d %s\n" % (*region, self.file.name)
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        words = self.process.stdout.readline().decode().split()
        if not words:
            raise RuntimeError("decode-dump died on %d bytes, region %s" % (len(data), region))
        if words[0] == "fail":
            return {"ok": False, "code": words[1], "message": " ".join(words[2:])}
        numbers = [int(w) for w in words[2:]]
        keys = ("mode", "width", "height", "orientation", "scans", "transparency", "bytes", "x0", "columns")
        result = dict(zip(keys, numbers), ok=True, format=words[1])
        result["palette"] = self.process.stdout.read(4 * numbers[9])
        result["pixels"] = self.process.stdout.read(numbers[10])
        return result

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)


def reference(data):
    """(picture, None) or (None, exception) of Pillow."""
    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP"])
        image.load()
        return image, None
    except Exception as error:  # every kind that Pillow raises is a refusal
        return None, error


def pixels_of(image):
    """Rows of the picture as the decoder holds them: [H, W, bytes]."""
    if image.mode == "1":
        image = image.convert("L")
    if image.mode == "I;16":
        return np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, 2)
    array = np.asarray(image)
    return array.reshape(image.height, image.width, -1)


def orientation_of(image):
    value = image.getexif().get(0x0112, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


# --- files ---


def photo(width, height, mode="RGB"):
    """Something like a photograph: smooth at large, noisy at small scale, with an alpha band."""
    small = PIXELS.integers(0, 256, (max(2, height // 8), max(2, width // 8), 4), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize((width, height), Image.BICUBIC)).astype(int)
    noisy = smooth + PIXELS.integers(-9, 10, smooth.shape)
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if mode in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    return image.convert(mode)


def encode(image, fmt, **options):
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def jpeg_files():
    for width, height in ((333, 217), (64, 48), (17, 9), (1, 1), (3, 200), (200, 3)):
        for mode in ("L", "RGB", "CMYK"):
            for sampling in ("4:4:4", "4:2:2", "4:2:0") if mode != "L" else (None,):
                for progressive in (False, True):
                    options = {"quality": RNG.choice((35, 75, 92, 100)), "progressive": progressive}
                    if sampling:
                        options["subsampling"] = sampling
                    if RNG.random() < 0.4:
                        options["restart_marker_blocks"] = RNG.choice((1, 3, 7))
                    if RNG.random() < 0.4:
                        options["optimize"] = True
                    name = f"jpeg {mode} {sampling} {width}x{height} progressive={progressive}"
                    yield name, encode(photo(width, height, mode), "JPEG", **options)
    data = encode(photo(90, 70, "CMYK"), "JPEG")
    at = data.index(b"Adobe") + 11
    yield "jpeg YCCK", data[:at] + b"\2" + data[at + 1 :]
    yield "jpeg CMYK without Adobe", data.replace(b"Adobe", b"adobe")
    data = encode(photo(90, 70), "JPEG", subsampling="4:4:4")
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    yield "jpeg RGB by Adobe marker", data[:2] + adobe + data[20:]
    yield "jpeg YCbCr by Adobe marker", data[:2] + adobe[:-1] + b"\1" + data[20:]
    yield "jpeg junk between segments", data[:20] + b"junk\0" + data[20:]
    yield "jpeg with a trailer", data + b"<html>trailer" * 9
    yield "jpeg zeros after EOI", data + bytes(100)
    for factors in (b"\x12", b"\x41", b"\x14", b"\x42", b"\x24"):
        yield "jpeg sampling " + factors.hex(), jpeg_sampling(factors)


def jpeg_sampling(factors):
    """A grey-chroma JPEG with unusual sampling: the scan of another, sampled so by its header.

    The entropy-coded data do not fit the new MCU layout exactly; what libjpeg makes of them must
    still be the same on both sides.
    """
    data = encode(photo(160, 120), "JPEG", subsampling="4:2:0", quality=80)
    at = data.index(b"\xff\xc0") + 11
    return data[:at] + factors + data[at + 1 :] + b""


def png_chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = png_chunk(b"IEND", b"")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def ihdr(width, height, depth, colour, interlace=0):
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def pack_rows(samples, depth):
    """[H, W, C] samples to filtered rows; each row has a filter of its own."""
    height, width, channels = samples.shape
    if depth == 16:
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    elif depth == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        bits = np.unpackbits(samples.astype(np.uint8).reshape(height, width, 1), axis=2)[:, :, 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    step = max(1, channels * depth // 8)
    before = np.zeros(rows.shape[1], int)
    out = bytearray()
    for y, row in enumerate(rows.astype(int)):
        left = np.concatenate([np.zeros(step, int), row[:-step]])[: len(row)]
        corner = np.concatenate([np.zeros(step, int), before[:-step]])[: len(row)]
        estimate = left + before - corner
        da, db, dc = abs(estimate - left), abs(estimate - before), abs(estimate - corner)
        paeth = np.where((da <= db) & (da <= dc), left, np.where(db <= dc, before, corner))
        guess = (np.zeros_like(row), left, before, (left + before) // 2, paeth)[y % 5]
        out += bytes([y % 5]) + ((row - guess) & 255).astype(np.uint8).tobytes()
        before = row
    return bytes(out)


def make_png(samples, depth, colour, interlace=0, before=b"", idat=0):
    height, width, _ = samples.shape
    if interlace:
        passes = [samples[y0::dy, x0::dx] for x0, y0, dx, dy in ADAM7]
        raw = b"".join(pack_rows(p, depth) for p in passes if p.size)
    else:
        raw = pack_rows(samples, depth)
    data = zlib.compress(raw)
    parts = [data[i : i + idat] for i in range(0, len(data), idat)] if idat else [data]
    body = b"".join(png_chunk(b"IDAT", p) for p in parts)
    return SIGNATURE + ihdr(width, height, depth, colour, interlace) + before + body + END


def png_samples(width, height, depth, colour):
    return PIXELS.integers(0, 1 << depth, (height, width, CHANNELS[colour]), dtype=np.int64)


def png_files():
    kinds = [(0, d) for d in (1, 2, 4, 8, 16)] + [(3, d) for d in (1, 2, 4, 8)]
    kinds += [(c, d) for c in (2, 4, 6) for d in (8, 16)]
    for colour, depth in kinds:
        for interlace in (0, 1):
            for width, height in ((53, 37), (1, 1), (3, 2), (5, 9), (130, 70)):
                before = b""
                if colour == 3:
                    before = png_chunk(b"PLTE", PIXELS.bytes(3 * RNG.randint(1, 1 << depth)))
                if colour == 3 and RNG.random() < 0.5:
                    before += png_chunk(b"tRNS", PIXELS.bytes(RNG.randint(1, 1 << depth)))
                samples = png_samples(width, height, depth, colour)
                data = make_png(samples, depth, colour, interlace, before, RNG.choice((0, 1, 2, 3, 7, 100)))
                yield f"png colour={colour} depth={depth} interlace={interlace} {width}x{height}", data
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield f"png of a photo {mode}", encode(photo(160, 120, mode), "PNG")
    for colour, key in ((0, b"\0\x05"), (2, b"\0\1\0\2\0\3")):
        samples = png_samples(20, 10, 8, colour)
        yield f"png colour key {colour}", make_png(samples, 8, colour, before=png_chunk(b"tRNS", key))
    frames = [photo(60, 40, "RGBA") for _ in range(3)]
    yield "apng", encode(frames[0], "PNG", save_all=True, append_images=frames[1:])
    yield "apng with a default image", encode(
        frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)


def png_odd_files():
    """Damage and oddities; what Pillow thinks of each is asked, not assumed."""
    raw = pack_rows(png_samples(40, 30, 8, 2), 8)
    z = zlib.compress(raw)
    head = SIGNATURE + ihdr(40, 30, 8, 2)
    data = png_chunk(b"IDAT", z)
    text = png_chunk(b"tEXt", b"a\0b" * 20)
    indexed = SIGNATURE + ihdr(40, 30, 8, 3)
    index = png_chunk(b"IDAT", zlib.compress(pack_rows(png_samples(40, 30, 8, 3), 8)))
    plte = png_chunk(b"PLTE", b"abcdefghi")
    return {
        "no IEND": head + data,
        "cut in IDAT checksum": head + data[:-2],
        "cut before Adler": head + data[:-8],
        "cut just into the data": head + data[:-10],
        "wrong IDAT checksum": head + png_chunk(b"IDAT", z, 0) + END,
        "wrong Adler": head + png_chunk(b"IDAT", z[:-4] + b"\0\0\0\0") + END,
        "stream ends early": head + png_chunk(b"IDAT", zlib.compress(raw[:2000])) + END,
        "data end early": head + png_chunk(b"IDAT", z[: len(z) // 2]) + END,
        "IDATs apart": head + png_chunk(b"IDAT", z[:50]) + text + png_chunk(b"IDAT", z[50:]) + END,
        "empty IDATs": head + png_chunk(b"IDAT", b"") + png_chunk(b"IDAT", z[:50]) + png_chunk(b"IDAT", b"")
        + png_chunk(b"IDAT", z[50:]) + END,
        "wrong checksum before": head + png_chunk(b"tEXt", b"a\0b", 1) + data + END,
        "wrong checksum after": head + data + png_chunk(b"tEXt", b"a\0b", 1) + END,
        "cut in a chunk after": head + data + text[:20],
        "cut in a chunk header after": head + data + text[:6],
        "cut in an unknown chunk after": head + data + png_chunk(b"abCd", b"a\0b" * 20)[:20],
        "letters after": head + data + b"garbagegarbage",
        "binary after": head + data + b"\0\1\2\3\4\5\6\7\1\2\3\4\5\6\7\x80\x81",
        "bad chunk type": head + png_chunk(b"a?b!", b"") + data + END,
        "unknown critical": head + png_chunk(b"ABCD", b"xx") + data + END,
        "bad filter": head + png_chunk(b"IDAT", zlib.compress(b"\7" + raw[1:])) + END,
        "bad filter below": head + png_chunk(b"IDAT", zlib.compress(raw[:-121] + b"\7" + raw[-120:])) + END,
        "corrupt stream": head + png_chunk(b"IDAT", z[:40] + b"\xff\xff\xff\xff" + z[44:]) + END,
        "corrupt stream below": head + png_chunk(b"IDAT", z[:-60] + b"\xff\xff\xff\xff" * 12 + z[-12:]) + END,
        "bad zlib header": head + png_chunk(b"IDAT", b"\0\0" + z[2:]) + END,
        "preset dictionary": head + png_chunk(b"IDAT", b"\x78\xbb" + z[2:]) + END,
        "more data than rows": head + png_chunk(b"IDAT", zlib.compress(raw + raw)) + END,
        "no IDAT": head + END,
        "long IHDR": SIGNATURE + png_chunk(b"IHDR", ihdr(40, 30, 8, 2)[8:21] + b"x") + data + END,
        "short IHDR": SIGNATURE + png_chunk(b"IHDR", ihdr(40, 30, 8, 2)[8:20]) + data + END,
        "impossible depth": SIGNATURE + ihdr(40, 30, 3, 2) + data + END,
        "impossible colour": SIGNATURE + ihdr(40, 30, 8, 5) + data + END,
        "zero width": SIGNATURE + ihdr(0, 30, 8, 2) + data + END,
        "wrong IHDR checksum": SIGNATURE + png_chunk(b"IHDR", ihdr(40, 30, 8, 2)[8:21], 5) + data + END,
        "chunk before IHDR": SIGNATURE + text + head[8:] + data + END,
        "no palette": indexed + index + END,
        "palette of 5 bytes": indexed + png_chunk(b"PLTE", b"abcde") + index + END,
        "palette of 800 bytes": indexed + png_chunk(b"PLTE", bytes(800)) + index + END,
        "two palettes": indexed + plte + png_chunk(b"PLTE", b"ABCDEFGHI") + index + END,
        "long tRNS": indexed + plte + png_chunk(b"tRNS", bytes(range(10))) + index + END,
        "very long tRNS": indexed + plte + png_chunk(b"tRNS", bytes(300)) + index + END,
        "tRNS first": indexed + png_chunk(b"tRNS", b"\0\x80") + plte + index + END,
        "short tRNS": head + png_chunk(b"tRNS", b"\0") + data + END,
    }


def webp_files():
    for width, height in ((100, 77), (1, 1), (2, 3), (301, 50)):
        for mode in ("RGB", "RGBA"):
            for options in ({"quality": 60}, {"lossless": True}, {"quality": 90, "alpha_quality": 30},
                            {"lossless": True, "exact": True}):
                yield f"webp {mode} {width}x{height} {options}", encode(photo(width, height, mode), "WEBP", **options)
    opaque = photo(50, 40).convert("RGBA")
    yield "webp opaque RGBA lossless", encode(opaque, "WEBP", lossless=True)
    for mode in ("RGB", "RGBA"):
        frames = [photo(60, 40, mode) for _ in range(3)]
        for options in ({"lossless": True}, {"quality": 70}, {"allow_mixed": True}):
            yield f"webp animated {mode} {options}", encode(
                frames[0], "WEBP", save_all=True, append_images=frames[1:], **options)
    yield "webp with metadata", encode(photo(60, 40), "WEBP", exif=exif_bytes(6), xmp=b"<x/>", icc_profile=b"abc")
    for odd in ((0, 0), (8, 6)):
        yield f"webp frame at {odd}", webp_offset(*odd)


def webp_offset(x, y):
    """An animation whose first frame does not cover the canvas."""
    still = encode(photo(30, 20, "RGBA"), "WEBP", lossless=True)
    size = struct.unpack("<I", still[16:20])[0] if still[12:16] == b"VP8L" else None
    vp8l = still[12 : 20 + size + (size & 1)]
    frame = struct.pack("<I", x // 2)[:3] + struct.pack("<I", y // 2)[:3]
    frame += struct.pack("<I", 29)[:3] + struct.pack("<I", 19)[:3] + b"\x10\0\0" + b"\2" + vp8l
    body = b"VP8X" + struct.pack("<I", 10) + bytes([0x12, 0, 0, 0]) + struct.pack("<I", 59)[:3] + struct.pack("<I", 39)[:3]
    body += b"ANIM" + struct.pack("<I", 6) + b"\1\2\3\xff\0\0"
    body += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * 2
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def exif_bytes(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def oriented_files():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="%d"/>'
    for value in range(0, 11):
        for fmt in ("JPEG", "PNG", "WEBP"):
            image = photo(24, 16)
            yield f"{fmt} exif orientation {value}", encode(image, fmt, exif=exif_bytes(value))
            if fmt != "PNG" and value < 10:
                yield f"{fmt} xmp orientation {value}", encode(image, fmt, xmp=xmp % value)
                yield f"{fmt} both orientations {value}", encode(
                    image, fmt, exif=exif_bytes(3), xmp=xmp % value)
    for little in (False, True):
        order = "<" if little else ">"
        tiff = (b"II*\0" if little else b"MM\0*") + struct.pack(order + "IHHHIHH", 8, 1, 0x0112, 3, 1, 7, 0)
        yield f"JPEG exif little-endian={little}", encode(photo(24, 16), "JPEG", exif=b"Exif\0\0" + tiff)


# --- comparing ---


class Oracle:
    def __init__(self, dump):
        self.dump = dump
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            return
        self.failed += 1
        print(f"FAILED {name}: {detail}")

    def palette_matches(self, image, ours):
        if image.mode != "P":
            return True
        indices = np.unique(np.asarray(image))
        theirs = np.asarray(image.convert("RGBA")).reshape(-1, 4)
        flat = np.asarray(image).reshape(-1)
        entries = np.frombuffer(ours["palette"], np.uint8).reshape(-1, 4)
        for index in indices:
            want = theirs[flat == index][0]
            if index < len(entries):
                if tuple(entries[index]) != tuple(want):
                    return False
            elif tuple(want[:3]) != (0, 0, 0):
                return False
        return True

    def good_file(self, name, data):
        """Whole, in regions, and all that the header says."""
        image, error = reference(data)
        ours = self.dump.decode(data)
        if image is None or not ours["ok"]:
            self.check(name, image is None and not ours["ok"], f"Pillow {error}, ours {ours.get('code', 'ok')}")
            return
        rows = pixels_of(image)
        same = (MODES[ours["mode"]] == image.mode and (ours["width"], ours["height"]) == image.size
                and ours["pixels"] == rows.tobytes())
        self.check(name, same, f"mode {MODES[ours['mode']]} or pixels differ from {image.mode} {image.size}")
        self.check(name + " palette", self.palette_matches(image, ours))
        self.check(name + " orientation", ours["orientation"] == orientation_of(image),
                   f"{ours['orientation']}, Pillow {orientation_of(image)}")
        transparent = "A" in image.getbands() or "transparency" in image.info
        self.check(name + " transparency", bool(ours["transparency"]) == transparent)
        self.regions(name, data, rows)

    def regions(self, name, data, rows):
        height, width = rows.shape[:2]
        for _ in range(REGIONS):
            x0, y0 = RNG.randrange(width), RNG.randrange(height)
            region = (x0, y0, RNG.randint(x0 + 1, width), RNG.randint(y0 + 1, height))
            self.region(name, data, rows, region)

    def region(self, name, data, rows, region):
        x0, y0, x1, y1 = region
        ours = self.dump.decode(data, region)
        good = ours["ok"] and ours["x0"] <= x0 and ours["x0"] + ours["columns"] >= x1
        if good:
            got = np.frombuffer(ours["pixels"], np.uint8).reshape(y1 - y0, ours["columns"], -1)
            good = np.array_equal(got[:, x0 - ours["x0"] : x1 - ours["x0"]], rows[y0:y1, x0:x1])
        self.check(f"{name} region {region}", good, ours.get("code", "pixels differ"))

    def verdict(self, name, data, codes=None):
        """Taken or refused as Pillow does, whatever the region."""
        image, error = reference(data)
        whole = self.dump.decode(data)
        good = (image is not None) == whole["ok"]
        if good and whole["ok"]:
            good = whole["pixels"] == pixels_of(image).tobytes()
            top = self.dump.decode(data, (0, 0, whole["width"], 1))
            self.check(name + " top row", top["ok"], str(top.get("code")))
            self.regions(name, data, pixels_of(image))
        elif good:
            good = codes is None or whole["code"] in codes
            size = size_of(data)
            if size:
                top = self.dump.decode(data, (0, 0, size[0], 1))
                same = not top["ok"] and top["code"] == whole["code"]
                self.check(name + " top row", same, f"{top.get('code', 'ok')}, whole {whole['code']}")
        self.check(name, good, f"Pillow {error}, ours {whole.get('code', 'ok')} {whole.get('message', '')}")

    def cut(self, name, data):
        """At every sixteenth, and at each of the last bytes."""
        ends = {len(data) * k // 16 for k in range(1, 16)} | {len(data) - k for k in range(0, 16)}
        for end in sorted(e for e in ends if e > 40):
            self.verdict(f"{name} cut at {end}/{len(data)}", data[:end],
                         ("truncated", "corrupt", "suspicious"))


def size_of(data):
    try:
        return Image.open(io.BytesIO(data), formats=["JPEG", "PNG", "WEBP"]).size
    except Exception:
        return None


def damaged(data, seed):
    """A few bytes overwritten, behind the header."""
    rng = random.Random(seed)
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        out[rng.randrange(len(out) // 3, len(out))] = rng.randrange(256)
    return bytes(out)


def mutant(data):
    """A few bytes overwritten anywhere, with a liking for the header; some are also cut."""
    out = bytearray(data)
    for _ in range(RNG.randint(1, 3)):
        out[RNG.randrange(min(len(out), RNG.choice((60, 700, 30000))))] = RNG.choice((0, 1, 255, RNG.randrange(256)))
    if RNG.random() < 0.1:
        del out[RNG.randrange(40, max(41, len(out))) :]
    return bytes(out)


def main():
    if PIL.__version__ != "13.0.0":
        print("decode_oracle: Pillow is", PIL.__version__, "not 13.0.0")
        return 1
    build = os.environ.get("MILLRACE_BUILD_DIR", "build/test")
    dump = Dump(str(Path(build) / "tests/oracle/decode-dump"))
    oracle = Oracle(dump)
    for files in (jpeg_files, png_files, webp_files, oriented_files):
        for name, data in files():
            oracle.good_file(name, data)
    for name, data in png_odd_files().items():
        oracle.verdict("png " + name, data)
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 5}, {"subsampling": "4:4:4"}):
        oracle.cut(f"jpeg {options}", encode(photo(120, 100), "JPEG", **options))
    oracle.cut("jpeg L", encode(photo(120, 100, "L"), "JPEG"))
    oracle.cut("jpeg CMYK", encode(photo(120, 100, "CMYK"), "JPEG"))
    for interlace in (0, 1):
        oracle.cut(f"png interlace={interlace}", make_png(png_samples(50, 40, 8, 2), 8, 2, interlace, idat=900))
    oracle.cut("png P", encode(photo(120, 100, "P"), "PNG"))
    for options in ({}, {"lossless": True}, {"exif": exif_bytes(3)}):
        oracle.cut(f"webp {options}", encode(photo(120, 100), "WEBP", **options))
    oracle.cut("webp RGBA", encode(photo(120, 100, "RGBA"), "WEBP"))
    for seed in range(60):
        progressive = seed % 2 == 1
        data = encode(photo(80, 64), "JPEG", progressive=progressive, restart_marker_blocks=seed % 3)
        oracle.verdict(f"jpeg damaged {seed}", damaged(data, seed))
    sources = [data for files in (jpeg_files, png_files) for _, data in files() if len(data) < 30000]
    for number in range(MUTANTS):
        oracle.verdict(f"mutant {number}", mutant(RNG.choice(sources)))
    if dump.close() != 0:
        oracle.check("decode-dump ends well", False)
    print(f"{oracle.passed} passed, {oracle.failed} failed")
    return 1 if oracle.failed else 0


if __name__ == "__main__":
    sys.exit(main())
