"""Arguments of requests, checked and as messages hold them."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Union

import numpy as np

from rg_unit import message, results
from rg_unit.errors import Code, Error
from rg_unit.proto import search_pb2
from rg_unit.results import Filter, Image

# One or several of: 16 bytes, 32 hexadecimal digits, an Image.
Ids = Union[bytes, str, Image, Iterable[Union[bytes, str, Image]]]


def parts(rows: np.ndarray, most: int) -> Iterator[np.ndarray]:
    for first in range(0, len(rows), most):
        yield rows[first : first + most]


def files(contents: Sequence[bytes]) -> dict[str, np.ndarray]:
    """The bytes of files as arrays "0", "1", ..."""
    return {str(i): message.array(f"file {i}", np.frombuffer(file, "u1"), "u1", None) for i, file in enumerate(contents)}


def _id(given: bytes | str | Image) -> bytes:
    if isinstance(given, Image):
        return given.id
    try:
        found = bytes.fromhex(given) if isinstance(given, str) else bytes(given)
    except ValueError:
        found = b""
    if len(found) != results.ID_SIZE:
        raise Error(Code.EINVAL, f"{given!r} is not an id: expected 16 bytes or 32 hexadecimal digits (content_id of a file)")
    return found


def ids(given: Ids) -> list[bytes]:
    return [_id(given)] if isinstance(given, (bytes, str, Image)) else [_id(one) for one in given]


def excluded(exclude: Ids | None, n: int) -> dict[str, np.ndarray]:
    """The id that each query must not find, u8 [n,16]."""
    if exclude is None:
        return {}
    found = ids(exclude)
    return {"exclude": message.array("exclude", np.frombuffer(b"".join(found), "u1").reshape(-1, results.ID_SIZE), "u1", n, None)}


def search(k: int, filter: Filter, features: bool, thumbnails: bool, nprobe: int, ef_search: int) -> search_pb2.SearchRequest:
    if k < 1:
        raise Error(Code.EINVAL, f"k is {k}: expected 1 or more")
    kinds = {None: search_pb2.ANY, True: search_pb2.ANNOTATED, False: search_pb2.UNANNOTATED}
    conditions = search_pb2.Filter(
        name_prefix=filter.name_prefix, annotation=kinds[filter.annotated], added_from_ms=filter.added_from_ms,
        added_until_ms=filter.added_until_ms, exclude=ids(filter.exclude))
    return search_pb2.SearchRequest(k=k, features=features, thumbnails=thumbnails, nprobe=nprobe, ef_search=ef_search,
                                    filter=conditions)
