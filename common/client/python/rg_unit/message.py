"""Messages: one protobuf envelope (proto/envelope.proto) and a raw frame for each array.

What comes from a socket is checked here before anything uses it: version, kind, the number of frames, and of each
array its name, type, length against shape, and checksum.
"""
from __future__ import annotations

import codecs
import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xxhash
from google.protobuf.message import DecodeError

from rg_unit.errors import Code, Error, remote_code
from rg_unit.proto import envelope_pb2 as pb

VERSION = 1
PAYLOADS_MAX, RANK_MAX, NAME_MAX, ENVELOPE_MAX = 256, 4, 63, 4 << 20
TYPES: dict[int, np.dtype[Any]] = {pb.U8: np.dtype("u1"), pb.F16: np.dtype("<f2"), pb.F32: np.dtype("<f4")}


@dataclasses.dataclass(frozen=True)
class Message:
    """A message that was received. Its arrays are read-only views of the frames."""

    envelope: pb.Envelope
    arrays: Mapping[str, np.ndarray]

    @property
    def kind(self) -> str:
        """The name of its body: "search_reply"."""
        return str(self.envelope.WhichOneof("body"))

    def array(self, name: str, dtype: str, *shape: int | None) -> np.ndarray:
        """The array of that name. ESHAPE unless it has this type and shape; None stands for any length."""
        found = self.arrays.get(name)
        if found is None:
            raise Error(Code.ESHAPE, f"the reply has no array '{name}'")
        fits = len(found.shape) == len(shape) and all(w in (None, n) for w, n in zip(shape, found.shape))
        if found.dtype != np.dtype(dtype) or not fits:
            raise Error(Code.ESHAPE, f"array '{name}' of the reply is {found.dtype} {found.shape}, not {dtype} {shape}")
        return found


# ---- building


def _percent(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"%{byte:02X}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("rg_unit.percent", _percent)


def text(given: str | os.PathLike[str]) -> str:
    """A text that a message can hold: bytes that are not UTF-8 become %XX."""
    return os.fsencode(given).decode("utf-8", "rg_unit.percent")


def new(kind: str) -> pb.Envelope:
    """An envelope with an empty body of this kind: "search_request"."""
    envelope = pb.Envelope(version=VERSION)
    getattr(envelope, kind).SetInParent()
    return envelope


def array(name: str, values: object, dtype: str, *shape: int | None) -> np.ndarray:
    """An argument as an array of this type and shape, in which None stands for any length. ESHAPE, EINVAL."""
    try:
        given = np.ascontiguousarray(values, dtype)
    except (TypeError, ValueError) as error:
        raise Error(Code.EINVAL, f"{name}: not an array of {dtype}: {error}") from None
    if len(given.shape) != len(shape) or any(w not in (None, n) for w, n in zip(shape, given.shape)):
        wanted = ",".join("any" if side is None else str(side) for side in shape)
        raise Error(Code.ESHAPE, f"{name} has the shape {list(given.shape)}, needed is [{wanted}]")
    if given.size == 0:
        raise Error(Code.EINVAL, f"{name} is empty")
    return given


def pack(envelope: pb.Envelope, arrays: Mapping[str, np.ndarray], number: int, frame_max: int) -> list[bytes]:
    """The frames of a request. frame_max: bytes of the largest one. ELIMIT."""
    frames = [np.ascontiguousarray(values).tobytes() for values in arrays.values()]
    if len(frames) > PAYLOADS_MAX:
        raise Error(Code.ELIMIT, f"{len(frames)} arrays: a message has at most {PAYLOADS_MAX}")
    envelope.id = number
    del envelope.payloads[:]
    dtypes = {dtype: number for number, dtype in TYPES.items()}
    for (name, values), frame in zip(arrays.items(), frames):
        if len(frame) > frame_max:
            raise Error(Code.ELIMIT, f"{name}: {len(frame)} bytes are more than message_max_mib: {frame_max >> 20}")
        checksum = xxhash.xxh3_64_intdigest(frame)
        envelope.payloads.add(name=name, dtype=dtypes[values.dtype], shape=values.shape, checksum=checksum)
    packed = envelope.SerializeToString()
    if len(packed) > min(frame_max, ENVELOPE_MAX):
        limit = min(frame_max, ENVELOPE_MAX)
        raise Error(Code.ELIMIT, f"an envelope of {len(packed)} bytes: the limit is {limit}; send it in parts")
    return [packed, *frames]


# ---- reading


def parse(frames: Sequence[bytes]) -> Message:
    """Checks frames from outside. EFORMAT, EVERSION, ESHAPE, ELIMIT."""
    if not frames:
        raise Error(Code.EFORMAT, "the message has no frames")
    if len(frames) > PAYLOADS_MAX + 1:
        raise Error(Code.ELIMIT, f"more than {PAYLOADS_MAX} arrays")
    if len(frames[0]) > ENVELOPE_MAX:
        raise Error(Code.ELIMIT, f"an envelope of {len(frames[0])} bytes exceeds the limit of {ENVELOPE_MAX}")
    try:
        envelope = pb.Envelope.FromString(frames[0])
    except DecodeError:
        raise Error(Code.EFORMAT, "the envelope is not a valid protobuf message") from None
    if envelope.version != VERSION:
        raise Error(Code.EVERSION, f"message version {envelope.version}, this program speaks {VERSION}")
    if envelope.WhichOneof("body") is None:
        raise Error(Code.EFORMAT, "the message has no body of a known kind")
    if len(envelope.payloads) != len(frames) - 1:
        raise Error(Code.EFORMAT, f"the envelope announces {len(envelope.payloads)} arrays, {len(frames) - 1} frames came")
    arrays: dict[str, np.ndarray] = {}
    for payload, frame in zip(envelope.payloads, frames[1:]):
        if payload.name in arrays:
            raise Error(Code.EFORMAT, f"two arrays are named '{payload.name}'")
        arrays[payload.name] = _read_payload(payload, frame)
    return Message(envelope, arrays)


def _read_payload(payload: pb.Payload, frame: bytes) -> np.ndarray:
    name, shape, dtype = payload.name, tuple(payload.shape), TYPES.get(payload.dtype)
    if not 1 <= len(name) <= NAME_MAX or not all("!" <= letter <= "~" for letter in name):
        raise Error(Code.EFORMAT, "an array has a name that is not 1 to 63 visible ASCII characters")
    if dtype is None:
        raise Error(Code.EFORMAT, f"array '{name}': unknown element type {payload.dtype}")
    if not 1 <= len(shape) <= RANK_MAX:
        raise Error(Code.ESHAPE, f"array '{name}' has {len(shape)} dimensions, not 1 to {RANK_MAX}")
    size = dtype.itemsize
    for side in shape:
        size *= side
    if size != len(frame):
        raise Error(Code.ESHAPE, f"array '{name}': its shape asks for {size} bytes, {len(frame)} came")
    if xxhash.xxh3_64_intdigest(frame) != payload.checksum:
        raise Error(Code.EFORMAT, f"array '{name}': checksum differs")
    return np.frombuffer(frame, dtype).reshape(shape)


def number_of(frames: Sequence[bytes]) -> int:
    """The id of a message that parse() refuses; 0 if even the id cannot be read."""
    if not frames or len(frames[0]) > ENVELOPE_MAX:
        return 0
    try:
        return int(pb.Envelope.FromString(frames[0]).id)
    except DecodeError:
        return 0


def failure(peer: str, reply: Message) -> Error:
    """The error that an error reply carries."""
    error = reply.envelope.error
    return Error(remote_code(error.code), f"{peer}: {error.sentence[:400]}")
