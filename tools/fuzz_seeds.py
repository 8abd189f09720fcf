# SPDX-License-Identifier: Apache-2.0
"""Small valid inputs from which the fuzzers start: pictures of every format and mode, and text.

Deterministic for a given Pillow.
"""
import io
import random
import struct
import zlib
from pathlib import Path

from PIL import Image

SIZES = [(1, 1), (17, 9), (64, 48)]
TEXT_WORDS = ("plan", "text", "list", "json", "config", "filter", "args", "size", "triton", "milvus")


def _picture(mode, size):
    """Noise over a ramp: every table of a coder is used."""
    generator = random.Random(f"{mode} {size}")
    bands = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    width, height = size
    data = bytes((x * 5 + y * 3 + generator.randrange(64)) & 255
                 for y in range(height) for x in range(width) for _ in range(bands))
    if mode == "1":
        return Image.frombytes("L", size, data).convert("1")
    if mode == "P":
        return Image.frombytes("L", size, data).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    return Image.frombytes(mode, size, data)


def _encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _exif(orientation):
    """An EXIF block with the orientation alone."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _interlaced_png():
    """Pillow writes no interlaced PNG: 1x1 grey, Adam7."""
    return (b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1))
            + _png_chunk(b"IDAT", zlib.compress(b"\0\x7f")) + _png_chunk(b"IEND", b""))


def pictures():
    """(name, bytes) of each picture."""
    for size in SIZES:
        tag = f"{size[0]}x{size[1]}"
        for mode in ("L", "RGB", "CMYK"):
            picture = _picture(mode, size)
            yield f"{mode}-{tag}.jpg", _encoded(picture, "JPEG")
            yield f"{mode}-{tag}-progressive.jpg", _encoded(picture, "JPEG", progressive=True, quality=50)
        for subsampling in (0, 1, 2):
            yield f"sub{subsampling}-{tag}.jpg", _encoded(_picture("RGB", size), "JPEG", subsampling=subsampling)
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
            yield f"{mode}-{tag}.png", _encoded(_picture(mode, size), "PNG")
        for mode in ("RGB", "RGBA"):
            yield f"{mode}-{tag}.webp", _encoded(_picture(mode, size), "WEBP")
            yield f"{mode}-{tag}-lossless.webp", _encoded(_picture(mode, size), "WEBP", lossless=True)
    for orientation in (1, 6, 8):
        yield f"exif{orientation}.jpg", _encoded(_picture("RGB", (17, 9)), "JPEG", exif=_exif(orientation))
        yield f"exif{orientation}.webp", _encoded(_picture("RGB", (17, 9)), "WEBP", exif=_exif(orientation))
    for quality in (10, 100):
        yield f"optimised{quality}.jpg", _encoded(_picture("RGB", (64, 48)), "JPEG", quality=quality, optimize=True)
    for subsampling in (0, 1):
        yield f"restart{subsampling}.jpg", _encoded(_picture("RGB", (64, 48)), "JPEG", subsampling=subsampling, restart_marker_blocks=1)
    for width in (2, 3, 4, 5):
        yield f"narrow{width}.jpg", _encoded(_picture("RGB", (width, 20)), "JPEG", subsampling=width % 2 + 1)
    yield "wide.jpg", _encoded(_picture("RGB", (200, 40)), "JPEG", quality=90)
    yield "restart.jpg", _encoded(_picture("RGB", (64, 48)), "JPEG", restart_marker_blocks=2)
    yield "transparent.png", _encoded(_picture("P", (17, 9)), "PNG", transparency=0)
    yield "interlaced.png", _interlaced_png()
    yield "grey16.png", _encoded(Image.new("I;16", (5, 3), 40000), "PNG")
    yield "x.gif", _encoded(_picture("P", (17, 9)), "GIF")
    yield "x.bmp", _encoded(_picture("RGB", (17, 9)), "BMP")


def texts():
    """(name, bytes) of texts that the parsers of lists, plans, sizes and JSON know."""
    yield "list.txt", b"photos/a.jpg\n./b//c.png\n\nd e.webp\n"
    yield "list0.txt", b"photos/a.jpg\0b.png\0"
    yield "plan.txt", b"resize=shortest\nresize_width=224\nfilter=bicubic\nmean=0.48145466,0.4578275,0.40821073\n"
    yield "preprocessor.json", (b'{"image_processor_type":"CLIPImageProcessorFast","size":{"shortest_edge":224},"crop_size":'
                                b'{"height":224,"width":224},"resample":3,"do_center_crop":true,"image_mean":[0.5,0.5,0.5]}')
    yield "open_clip.json", b'{"model_cfg":{"vision_cfg":{"image_size":224}},"preprocess_cfg":{"resize_mode":"squash"}}'
    yield "timm.json", b'\x02{"architecture":"a","pretrained_cfg":{"input_size":[3,224,224],"crop_pct":0.9,"std":1}}'
    yield "object.json", b'{"a":1,"b":[true,null,"\\u00e9"],"c":{"d":-1.5e3}}'
    yield "config.yaml", (b"triton:\n  url: a:1\n  model_version: '1'\nmilvus: {port: 19530, M: 8}\npreprocess:\n  mean: [0.5, .5, 1]\n"
                          b"collections:\n- name: a\n  schema:\n    fields:\n    - {name: id, type: INT64, auto_id: true}\n"
                          b"  search_params: &a\n    x: [1, ~]\nlog_level: \"INFO\\x41\"\n")
    yield "filter.txt", (b"(id == \"a\" and not metadata['k'][\"b\"][0] <= -1.5e3) || uri in ['x', \"\\u00e9\",] "
                         b"&& 0x1 < metadata[\"n\"] < 9 or exists metadata['t'] AND fingerprint != 'f' or metadata['b'] == true")
    answer = (b'{"model_name":"m","model_version":"1","outputs":[{"name":"output","datatype":"FP32","shape":[2,3],'
              b'"parameters":{"binary_data_size":24}}]}')
    yield "answer.bin", len(answer).to_bytes(2, "big") + answer + bytes(24)
    yield "metadata.json", (b'00{"name":"m","versions":["1"],"inputs":[{"name":"i","datatype":"FP32","shape":[-1,3,8,8]}],'
                            b'"outputs":[{"name":"output","datatype":"FP16","shape":[-1,4]}]}')
    yield "model.json", b'00{"max_batch_size":8,"instance_group":[{"count":2,"gpus":[0,1]}],"error":"x"}'
    # messages of Milvus, after the byte that says which (fuzz_milvus)
    yield "milvus_describe.bin", bytes.fromhex("0012320a0163221a120269641801281532100a0a6d61785f6c656e67746812023634220f120176286532080a036469"
                                               "6d120132280130073801")
    yield "milvus_search.bin", bytes.fromhex("011211080110051a00220400" "00803f2a051203" "0a0161320101")
    yield "milvus_query.bin", bytes.fromhex("02121008151202696 41a0832060a01610a0162121d08651201762216080212120a100000803f000000400000404000008040"
                                            .replace(" ", ""))
    yield "milvus_status.bin", b"\x03\x08\x01\x12\x1alarger than max (9 vs. 512)\x18\xff\xff\x03\x20\x01"
    yield "size.txt", b"512M"
    yield "time.txt", b"250ms"
    yield "utf8.txt", "é漢😀".encode()


def make(folder):
    """Writes the seeds, once."""
    for kind, seeds in (("pictures", pictures), ("texts", texts)):
        target = Path(folder) / kind
        target.mkdir(parents=True, exist_ok=True)
        for name, data in seeds():
            if not (target / name).exists():
                (target / name).write_bytes(data)


def folder_for(target, folder):
    """The seeds that suit a fuzz target, by its name."""
    kind = "texts" if any(word in target for word in TEXT_WORDS) else "pictures"
    return Path(folder) / kind
