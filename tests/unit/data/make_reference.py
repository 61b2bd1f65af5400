#!/usr/bin/env python3
"""Writes fixtures/: synthetic images and their resizes by Pillow, for test_image.c and test_codec.c.

Run from anywhere: python3 tests/unit/data/make_reference.py (needs Pillow). The results are committed.
"""
import pathlib

from PIL import Image

OUT = pathlib.Path(__file__).parent / "fixtures"

# The images and boxes of test_image.c, in the same order: width, height, box x, y, w, h, size.
RESIZE = [
    (89, 109, 0, 10, 89, 89, 32),
    (178, 218, 0, 20, 178, 178, 64),
    (40, 50, 0, 5, 40, 40, 56),
    (50, 40, 3.25, 2.5, 30.5, 30.5, 24),
    (17, 17, 0, 0, 17, 17, 17),
]


def pattern(width, height):
    """An image with all frequencies, which are hard to resize; equal to pattern() in test_image.c."""
    data = bytes((x * x * 3 + y * 7 * (c + 1) + x * y) & 255 for y in range(height) for x in range(width) for c in range(3))
    return Image.frombytes("RGB", (width, height), data)


def smooth(width, height):
    data = bytes(v & 255 for y in range(height) for x in range(width) for v in (40 + 4 * x, 30 + 3 * y, 200 - 2 * x))
    return Image.frombytes("RGB", (width, height), data)


def segment(marker, *values):
    return bytes([0xFF, marker, 0, 2 + len(values), *values])


def many_scans():
    """A valid grey 8x8 progressive JPEG with 127 scans of one bit each: its 63 AC coefficients come one by one,
    in two scans each. Both Huffman tables have one code, `0` for the symbol 0."""
    table = [1] + 15 * [0] + [0]
    data = bytes([0xFF, 0xD8]) + segment(0xDB, 0, *(64 * [1])) + segment(0xC2, 8, 0, 8, 0, 8, 1, 1, 0x11, 0)
    data += segment(0xC4, 0x00, *table) + segment(0xC4, 0x10, *table)
    scan = lambda first, high_low: segment(0xDA, 1, 1, 0, first, first, high_low) + bytes([0x7F])
    data += scan(0, 0)
    for coefficient in range(1, 64):
        data += scan(coefficient, 0x01) + scan(coefficient, 0x10)
    return data + bytes([0xFF, 0xD9])


def main():
    OUT.mkdir(exist_ok=True)
    for i, (width, height, x, y, w, h, size) in enumerate(RESIZE):
        resized = pattern(width, height).resize((size, size), Image.BILINEAR, box=(x, y, x + w, y + h))
        (OUT / f"resize{i}.rgb").write_bytes(resized.tobytes())
    (OUT / "scans.jpg").write_bytes(many_scans())
    Image.open(OUT / "scans.jpg").load()  # Pillow accepts it
    picture = smooth(48, 56)
    for name, mode, options in [
        ("baseline", "RGB", {}),
        ("progressive", "RGB", {"progressive": True}),
        ("grey", "L", {}),
        ("cmyk", "CMYK", {}),
    ]:
        picture.convert(mode).save(OUT / f"{name}.jpg", quality=90, **options)
        (OUT / f"{name}.rgb").write_bytes(Image.open(OUT / f"{name}.jpg").convert("RGB").tobytes())


main()
