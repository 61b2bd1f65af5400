"""The safetensors files of the system: 8 bytes with the length of the header, a JSON header, raw tensors.

The system writes checksums (xxh3-64) of the header and of every tensor into the metadata, as common/model/safetensors.c
explains; what they cover is compared when it is read. Files without checksums are read, too.
"""
from __future__ import annotations

import dataclasses
import json
import math
import mmap
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xxhash

from rg_unit.errors import Code, Error

HEADER_MAX, RANK_MAX = 16 << 20, 4
CHANGED = "it is damaged (if you changed it, drop the metadata key checksums)"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tensor in the file: its bytes are begin..end-1 behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class File:
    """metadata: texts. tensors: by name. Every range of bytes is checked. ENOENT, EIO; EFORMAT, ELIMIT saying what is wrong."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            with open(path, "rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise Error(Code.ENOENT, f"{path}: no such checkpoint; rg-ctl train makes it, in the run directory") from None
        except ValueError:
            raise Error(Code.EFORMAT, f"{path}: empty file") from None
        except OSError as error:
            raise Error(Code.EIO, f"{path}: cannot read: {error.strerror}") from None
        header = self._read_header()
        self.metadata: Mapping[str, str] = header.pop("__metadata__", {})
        self.tensors: Mapping[str, Entry] = {name: self._read_entry(name, entry) for name, entry in header.items()}
        self._sums = self._read_checksums()

    def _fail(self, sentence: str) -> Error:
        return Error(Code.EFORMAT, f"{self.path}: {sentence}")

    def _read_header(self) -> dict[str, Any]:
        length = int.from_bytes(self._bytes[:8], "little")
        if len(self._bytes) < 8:
            raise self._fail(f"not a safetensors file ({len(self._bytes)} bytes)")
        if length > HEADER_MAX:
            raise Error(Code.ELIMIT, f"{self.path}: the header has {length} bytes, more than {HEADER_MAX}")
        if length > len(self._bytes) - 8:
            raise self._fail("cut short, the file ends within the header")
        self._header, self._data = self._bytes[8 : 8 + length], 8 + length
        try:
            header = json.loads(self._header)
        except (ValueError, RecursionError) as error:
            raise self._fail(f"the header is not a JSON object: {error}") from None
        if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
            raise self._fail("the header is not a JSON object")
        return header

    def _read_checksums(self) -> Mapping[str, str]:
        listed = self.metadata.get("checksums")
        if listed is None:
            return {}
        place = re.search(rb'"checksums":"xxh3-64 ([0-9a-f]{16})', self._header)
        if not place:
            raise self._fail("the header differs from its checksum: " + CHANGED)
        before = xxhash.xxh3_64_intdigest(self._header[: place.start(1)])
        if xxhash.xxh3_64_hexdigest(self._header[place.end(1) :], before) != place[1].decode():
            raise self._fail("the header differs from its checksum: " + CHANGED)
        return dict(entry.rsplit("=", 1) for entry in listed.split(" ")[2:] if "=" in entry)

    def _read_entry(self, name: str, fields: Any) -> Entry:
        try:
            shape, (begin, end), dtype = tuple(map(int, fields["shape"])), map(int, fields["data_offsets"]), str(fields["dtype"])
        except (KeyError, TypeError, ValueError):
            raise self._fail(f"malformed entry of tensor {name}") from None
        fits = 0 <= begin <= end <= len(self._bytes) - self._data and min(shape, default=0) >= 0
        if not fits or dtype == "F32" and end - begin != 4 * math.prod(shape):
            raise self._fail(f"tensor {name} does not fit its place in the file")
        return Entry(dtype, shape, begin, end)

    def read(self, name: str) -> np.ndarray:
        """A copy of the tensor of that name, f32. EMODEL: there is none, or it is of another type. EFORMAT: damaged."""
        entry = self.tensors.get(name)
        if entry is None:
            raise Error(Code.EMODEL, f"{self.path}: no tensor {name}")
        if entry.dtype != "F32" or len(entry.shape) > RANK_MAX:
            raise Error(Code.EMODEL, f"{self.path}: tensor {name} is {entry.dtype} of {len(entry.shape)} dimensions, not F32 of at "
                                     f"most {RANK_MAX}")
        content = self._bytes[self._data + entry.begin : self._data + entry.end]
        if self._sums and xxhash.xxh3_64_hexdigest(content) != self._sums.get(name):
            raise self._fail(f"tensor {name} differs from its checksum: {CHANGED}")
        return np.frombuffer(content, "<f4").reshape(entry.shape).copy()
