"""Image files on their way to the loader, in batches that a request can hold."""
from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image as pil

from rg_unit import images, message
from rg_unit.errors import Code, Error
from rg_unit.images import Picture
from rg_unit.results import Fate, Outcome

FILES_MAX, BYTES_MAX = 16, 8 << 20


@dataclasses.dataclass(frozen=True)
class Item:
    name: str
    file: bytes
    refusal: Outcome | None = None  # it could not be read


def refuse(name: str, error: Error, file: bytes = b"") -> Outcome:
    return Outcome(name, images.content_id(file) if file else b"", Fate.REFUSED, str(error))


def batches(pictures: Iterable[Picture] | Picture, names: Iterable[str] | None, bytes_max: int) -> Iterator[list[Item]]:
    """EINVAL: there are fewer names than pictures. bytes_max: of a file; a larger one is refused."""
    batch: list[Item] = []
    size = 0
    for item in _items(pictures, names, bytes_max):
        if batch and (len(batch) == FILES_MAX or size + len(item.file) > BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.file)
    if batch:
        yield batch


def _items(pictures: Iterable[Picture] | Picture, names: Iterable[str] | None, bytes_max: int) -> Iterator[Item]:
    single = isinstance(pictures, (str, os.PathLike, bytes, pil.Image)) or isinstance(pictures, np.ndarray) and pictures.ndim == 3
    several: Iterable[Picture] = [pictures] if single else pictures  # type: ignore[assignment]
    named = None if names is None else iter([names] if isinstance(names, str) else names)
    for i, picture in enumerate(several):
        path = os.fspath(picture) if isinstance(picture, (str, os.PathLike)) else ""
        name = path if named is None else next(named, None)
        if name is None:
            raise Error(Code.EINVAL, f"there are {i} names, fewer than pictures")
        try:
            yield _read(picture, message.text(name), bytes_max)
        except Error as error:
            yield Item(message.text(name), b"", refuse(message.text(name), error))


def _read(picture: Picture, name: str, bytes_max: int) -> Item:
    file = images.file_bytes(picture)
    if not file:
        raise Error(Code.EFORMAT, "an empty file")
    if len(file) > bytes_max:
        raise Error(Code.ELIMIT, f"{len(file)} bytes are more than message_max_mib: {bytes_max >> 20}")
    return Item(name or images.content_id(file).hex(), file)
