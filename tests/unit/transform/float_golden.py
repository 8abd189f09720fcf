# SPDX-License-Identifier: Apache-2.0
"""Makes float_golden.h: what JAX makes of small pictures, as the float engine has to.

    build/venv-oracles/bin/python tests/unit/transform/float_golden.py >tests/unit/transform/float_golden.h

On a processor with AVX-512: see src/transform/coeffs_float.c. Pixels are those of pixels_of() in test_float.c. Of a long row of output only every `step`-th value is kept.
"""
import numpy as np
import jax
import jax.numpy as jnp

# width, height, to width, to height, filter, step
RESIZES = [
    (13, 7, 5, 9, "bilinear", 1), (1, 1, 3, 2, "bilinear", 1), (1, 40, 4, 3, "bilinear", 1),
    (37, 2, 3, 8, "bilinear", 1), (63, 64, 64, 63, "bilinear", 97), (90, 77, 31, 33, "bilinear", 29),
    (375, 500, 224, 224, "bilinear", 997), (4000, 1, 3999, 1, "bilinear", 97), (3, 3000, 2, 2999, "bilinear", 89),
    (5001, 2, 333, 2, "bilinear", 17), (13, 7, 5, 9, "bicubic", 1), (9, 11, 20, 17, "bicubic", 7),
    (375, 120, 224, 50, "bicubic", 331), (1, 5, 2, 2, "bicubic", 1),
]
# width, height, to width, to height: the whole of the original's arithmetic
WHOLES = [(50, 30, 10, 8), (30, 50, 10, 8), (8, 6, 9, 10), (700, 1, 9, 5), (1, 700, 9, 5), (10, 8, 10, 8)]
SIDES = 224
MEAN = np.float32([0.485, 0.456, 0.406])
STD = np.float32([0.229, 0.224, 0.225])


def pixels(width, height, channels, seed):
    i = np.arange(width * height * channels, dtype=np.uint32)
    return (((i * np.uint32(2654435761) + np.uint32(seed * 40503)) >> np.uint32(13)) & np.uint32(255)).astype(
        np.float32).reshape(height, width, channels)


def resize(image, width, height, method):
    return np.asarray(jax.image.resize(jnp.asarray(image), (height, width, image.shape[2]), method, antialias=True))


@jax.jit
def visible(width, height, to_width, to_height):
    """Sides of the mask, as the original computes them: all in float32."""
    scale = jnp.minimum(to_height / height, to_width / width)
    return (jnp.maximum(1, (width * scale).astype(jnp.int32)), jnp.maximum(1, (height * scale).astype(jnp.int32)))


def whole(image, width, height):
    h, w = image.shape[:2]
    vw, vh = (int(v) for v in visible(w, h, width, height))
    mask = np.zeros((height, width, 1), np.float32)
    x, y = (width - vw) // 2, (height - vh) // 2
    mask[y:y + vh, x:x + vw] = 1
    return (resize(image, width, height, "bilinear") * mask / np.float32(255) - MEAN) / STD


def rows(values):
    text = [f"{float(v):.9g}" for v in values]
    text = [t if "." in t or "e" in t else t + ".0" for t in text]
    line = "   "
    for t in text:
        if len(line) + len(t) + 3 > 100:
            yield line
            line = "   "
        line += f" {t}f,"
    yield line


def odd_sides(count):
    """Pictures whose mask integers would get wrong by one, and their masks."""
    rng = np.random.default_rng(5)
    while count > 0:
        w, h = (int(v) for v in rng.integers(1, 5000, 2))
        vw, vh = (int(v) for v in visible(w, h, SIDES, SIDES))
        exact = (max(1, w * SIDES // max(w, h)), max(1, h * SIDES // max(w, h)))
        if (vw, vh) != exact:
            count -= 1
            yield w, h, vw, vh


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print(f"/* Made by float_golden.py with JAX {jax.__version__}; do not edit. */")
    print("#include <stdint.h>\n\n/* clang-format off */")
    values, table = [], []
    for n, (w, h, tw, th, method, step) in enumerate(RESIZES):
        out = resize(pixels(w, h, 1, n), tw, th, method).ravel()[::step]
        table.append(f"    {{{w}, {h}, {tw}, {th}, {int(method == 'bicubic')}, {step}, {len(values)}}},")
        values.extend(out)
    print("\n/* width, height, to width, to height, bicubic, step, first value */")
    print("static const uint32_t golden_resizes[][7] = {", *table, "};", sep="\n")
    print("\nstatic const float golden_levels[] = {", *rows(values), "};", sep="\n")
    values, table = [], []
    for n, (w, h, tw, th) in enumerate(WHOLES):
        table.append(f"    {{{w}, {h}, {tw}, {th}, {len(values)}}},")
        values.extend(whole(pixels(w, h, 3, n), tw, th).ravel())
    print("\n/* width, height, to width, to height, first value; [H,W,C] */")
    print("static const uint32_t golden_wholes[][5] = {", *table, "};", sep="\n")
    print("\nstatic const float golden_tensors[] = {", *rows(values), "};", sep="\n")
    print("\n/* width, height, width and height of the mask in 224x224 */")
    print("static const uint32_t golden_masks[][4] = {",
          *[f"    {{{w}, {h}, {vw}, {vh}}}," for w, h, vw, vh in odd_sides(24)], "};", sep="\n")
    print("/* clang-format on */")


if __name__ == "__main__":
    main()
