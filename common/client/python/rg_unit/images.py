"""Images as the services take them, and the edits of attributes."""
from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np
import xxhash
from PIL import Image as pil
from PIL import UnidentifiedImageError

from rg_unit.errors import Code, Error

# A path, the bytes of a file, a Pillow image, or an array [H,W,3] u8 of RGB.
Picture = Union[str, "os.PathLike[str]", bytes, pil.Image, np.ndarray]

FORMATS, SIDE_MAX = ("JPEG", "PNG", "WEBP"), 8192
CELEBA, CELEBA_CROP = (178, 218), 178
EXIF_ORIENTATION = 0x0112
TURNS = {2: pil.Transpose.FLIP_LEFT_RIGHT, 3: pil.Transpose.ROTATE_180, 4: pil.Transpose.FLIP_TOP_BOTTOM,
         5: pil.Transpose.TRANSPOSE, 6: pil.Transpose.ROTATE_270, 7: pil.Transpose.TRANSVERSE, 8: pil.Transpose.ROTATE_90}
TRANSPOSING = {TURNS[5], TURNS[6], TURNS[7], TURNS[8]}


def content_id(file: Picture) -> bytes:
    """The 16 bytes that identify an image in the set: a hash of the bytes of its file (xxh3-128)."""
    return xxhash.xxh3_128_digest(file_bytes(file))


def file_bytes(picture: Picture) -> bytes:
    """The bytes of the image's file. A Pillow image or an array becomes a PNG. ENOENT, EIO, ESHAPE."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, (str, os.PathLike)):
        try:
            with open(picture, "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise Error(Code.ENOENT, f"{picture}: no such file") from None
        except OSError as error:
            raise Error(Code.EIO, f"{picture}: cannot read: {error.strerror}") from None
    out = io.BytesIO()
    _pil(picture).save(out, "PNG")
    return out.getvalue()


def pixels(pictures: Picture | Sequence[Picture], size: int, crop: int = 0) -> np.ndarray:
    """What the networks see of one or more images: [N,size,size,3] u8, upright, the centred square, on white.

    crop: side of the square in pixels of the image; 0: 178 for an image of 178x218, else the largest.
    An array [N,size,size,3] u8 passes as it is. The result differs from the loader's by at most a few grey levels.
    EFORMAT: not a JPEG, PNG or WebP, or damaged. ELIMIT: larger than 8192 pixels, or smaller than the crop.
    """
    if isinstance(pictures, np.ndarray) and pictures.ndim == 4:
        if pictures.dtype != np.uint8 or pictures.shape[1:] != (size, size, 3) or len(pictures) == 0:
            raise Error(Code.ESHAPE, f"images are {pictures.dtype} {list(pictures.shape)}, needed is uint8 [N,{size},{size},3]")
        return np.ascontiguousarray(pictures)
    single = isinstance(pictures, (str, os.PathLike, bytes, pil.Image, np.ndarray))
    several: Sequence[Picture] = [pictures] if single else list(pictures)  # type: ignore[arg-type]
    if not several:
        raise Error(Code.EINVAL, "no images are given")
    return np.stack([_load(picture, size, crop) for picture in several])


def _pil(picture: pil.Image | np.ndarray) -> pil.Image:
    if isinstance(picture, pil.Image):
        return picture
    if not isinstance(picture, np.ndarray):
        raise Error(Code.EINVAL, f"{type(picture).__name__}: expected a path, bytes, a Pillow image or an array")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise Error(Code.ESHAPE, f"an image is {picture.dtype} {list(picture.shape)}, needed is uint8 [H,W,3]")
    return pil.fromarray(picture)


def _load(picture: Picture, size: int, crop: int) -> np.ndarray:
    if not isinstance(picture, (str, os.PathLike, bytes)):
        return _prepare(_pil(picture), size, crop, "the image")
    origin = "the image" if isinstance(picture, bytes) else os.fspath(picture)
    try:
        with pil.open(io.BytesIO(file_bytes(picture)), formats=FORMATS) as image:
            return _prepare(image, size, crop, origin, image.format == "JPEG")
    except UnidentifiedImageError:
        raise Error(Code.EFORMAT, f"{origin}: not a JPEG, PNG or WebP: convert it") from None
    except (OSError, SyntaxError, ValueError, pil.DecompressionBombError) as error:
        raise Error(Code.EFORMAT, f"{origin}: damaged: {error}") from None


def _prepare(image: pil.Image, size: int, crop: int, origin: str, scales: bool = False) -> np.ndarray:
    """scales: the decoder may scale a JPEG by 1/2, 1/4 or 1/8, as the loader's does."""
    width, height = image.size
    if max(width, height) > SIDE_MAX:
        raise Error(Code.ELIMIT, f"{origin}: {width}x{height} pixels, at most {SIDE_MAX} are possible on a side: shrink it")
    side = crop or (CELEBA_CROP if image.size == CELEBA else min(width, height))
    if side > min(width, height):
        raise Error(Code.ELIMIT, f"{origin}: a crop of {side} pixels does not fit into {width}x{height}")
    turn = _turn(image)
    scale = 8 if scales else 1
    while scale > 1 and side // scale < size:
        scale //= 2
    if scale > 1:
        image.draft("RGB", (width // scale, height // scale))
    upright = _rgb(image if turn is None else image.transpose(turn))
    if turn in TRANSPOSING:
        width, height = height, width
    x, y = (width - side) // 2 / scale, (height - side) // 2 / scale
    box = (x, y, min(x + side / scale, upright.width), min(y + side / scale, upright.height))
    return np.asarray(upright.resize((size, size), pil.BILINEAR, box=box))


def _turn(image: pil.Image) -> pil.Transpose | None:
    """How to turn the picture upright, as its EXIF says. A damaged block says nothing."""
    try:
        return TURNS.get(image.getexif().get(EXIF_ORIENTATION))
    except Exception:  # of any kind: Pillow reads untrusted bytes here
        return None


def _rgb(image: pil.Image) -> pil.Image:
    if image.mode.startswith("I"):  # 16 bits of grey
        return pil.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        shown = image.convert("RGBA")
        return pil.alpha_composite(pil.new("RGBA", shown.size, "white"), shown).convert("RGB")
    return image.convert("RGB")


# ---- edits


def edits(wanted: Mapping[str, int], attributes: Sequence[str], exclusive: Sequence[str]) -> dict[str, bool]:
    """The wanted values of attributes, in the order of `attributes`.

    A 1 for one of the exclusive attributes is a 0 for the others. EINVAL: an unknown attribute, a value that is neither 0
    nor 1, or two exclusive attributes that are 1.
    """
    for name, value in wanted.items():
        if name not in attributes:
            raise Error(Code.EINVAL, f"{name}: no such attribute; choose from {', '.join(attributes)}")
        if value not in (0, 1):
            raise Error(Code.EINVAL, f"attribute {name}: expected 0 or 1, not {value!r}")
    chosen = [name for name in attributes if name in exclusive and wanted.get(name)]
    if len(chosen) > 1:
        raise Error(Code.EINVAL, f"attributes {chosen[0]} and {chosen[1]} cannot both be 1")
    values = {name: False for name in exclusive} if chosen else {}
    values |= {name: bool(value) for name, value in wanted.items()}
    return {name: values[name] for name in attributes if name in values}
