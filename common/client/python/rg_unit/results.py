"""What the services answer, as plain values."""
from __future__ import annotations

import dataclasses
import datetime
import enum
import io
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import yaml
from PIL import Image as pil

from rg_unit import message
from rg_unit.errors import Code, Error
from rg_unit.proto import ingest_pb2, search_pb2

ID_SIZE = 16
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Status:
    """State of a service. fields: its own numbers and texts, as `rg-ctl status` prints them."""

    service: str
    state: str  # loading, ready, failed, stopping
    detail: str  # loading: "34 %"; failed: a sentence
    pid: int
    uptime_s: float
    version: str
    fields: Mapping[str, str]
    settings: Mapping[str, str]  # the configuration, keys as in the table, values as YAML; empty unless asked for

    @property
    def images(self) -> int:
        """Of the retrieval service: searchable images."""
        return self._number("images")

    @property
    def generation(self) -> int:
        """Of the retrieval service: grows with every change of the searchable images."""
        return self._number("generation")

    @property
    def dimension(self) -> int:
        """Of the retrieval service: D, the width of embeddings."""
        return self._number("dimension")

    @property
    def model(self) -> str:
        """Of the retrieval service: the model whose embeddings are searched; "": none yet."""
        return self.fields.get("model", "")

    def setting(self, key: str, kind: type[T]) -> T:
        """A setting of this type. EVERSION: the service does not tell it so."""
        try:
            value = yaml.safe_load(self.settings[key])
        except (KeyError, yaml.YAMLError):
            value = None
        if not isinstance(value, kind):
            raise Error(Code.EVERSION, f"the {self.service} does not tell its setting {key}: is it of another version?")
        return value

    def names(self, key: str) -> list[str]:
        """A setting that is a list of names."""
        return [str(name) for name in self.setting(key, list)]

    def _number(self, key: str) -> int:
        if key not in self.fields:
            raise Error(Code.EINVAL, f"the {self.service} has no field '{key}' in its status; status(\"retrieval\") has")
        return int(self.fields[key]) if self.fields[key].isdigit() else 0


@dataclasses.dataclass(frozen=True, eq=False)
class Image:
    """An image of the set."""

    id: bytes  # 16 bytes, see content_id
    name: str
    annotated: bool
    generation: int  # in which it was added
    added_ms: int  # when it was added, milliseconds since 1970, UTC
    distance: float = 0.0  # squared Euclidean distance to the query; 0 in a listing and for random images
    jpeg: bytes = dataclasses.field(default=b"", repr=False)  # thumbnail, if it was asked for
    embedding: np.ndarray | None = dataclasses.field(default=None, repr=False)  # [D] f32, of a listing, if asked for

    @property
    def added(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.added_ms / 1000, datetime.timezone.utc)

    @property
    def thumbnail(self) -> pil.Image:
        """The thumbnail, decoded. EINVAL: the request did not ask for thumbnails."""
        if not self.jpeg:
            raise Error(Code.EINVAL, f"{self.name}: no thumbnail came: ask with thumbnails=True")
        return pil.open(io.BytesIO(self.jpeg), formats=("JPEG",))


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """The answer to N queries for k images each."""

    generation: int  # of the set that was searched
    size: int  # images in it
    images: Sequence[Sequence[Image]]  # of each query, nearest first; fewer than k if fewer match
    distances: np.ndarray  # [N,k] f32, squared; infinity where fewer match
    features: np.ndarray | None  # [N,k,h,w,C] f16, what the generator reads of neighbours; zeros where fewer match


@dataclasses.dataclass(frozen=True, eq=False)
class Embeddings:
    """values [N,D] f32, made by the model of that name. Embeddings of two models cannot be compared."""

    model: str
    values: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Translation:
    """The answer to translate()."""

    stage: str  # whose weights translated
    generation: int  # of the set that was searched for neighbours; 0: none was
    pixels: np.ndarray  # [N,samples,S,S,3] u8
    neighbours: Sequence[Sequence[Sequence[Image]]]  # of each image and sample, those that guided it

    def image(self, i: int = 0, sample: int = 0) -> pil.Image:
        return pil.fromarray(self.pixels[i, sample])


class Fate(enum.IntEnum):
    """After ADDED and DUPLICATE the image is on the disk of the retrieval service."""

    ADDED = ingest_pb2.ADDED
    DUPLICATE = ingest_pb2.DUPLICATE
    REFUSED = ingest_pb2.REFUSED


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of an image that was to be added."""

    name: str
    id: bytes
    fate: Fate
    reason: str = ""  # of a refusal
    warning: str = ""  # of a file that breaks the rules of its format but was read


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that makes embeddings of dimension D, and features [h,w,C] of each image; 1, 1, 1 without."""

    name: str
    dimension: int
    features_shape: tuple[int, int, int] = (1, 1, 1)


@dataclasses.dataclass(frozen=True)
class Filter:
    """Conditions: a search finds only images that meet all that are set. Times are milliseconds since 1970."""

    name_prefix: str = ""
    annotated: bool | None = None
    added_from_ms: int = 0  # inclusive
    added_until_ms: int = 0  # exclusive; 0: no bound
    exclude: Sequence[bytes] = ()  # ids that no query finds, at most 4096


# ---- reading replies


def image_id(reply_id: bytes) -> bytes:
    if len(reply_id) != ID_SIZE:
        raise Error(Code.EFORMAT, f"the service sent an id of {len(reply_id)} bytes")
    return reply_id


def thumbnail(reply: message.Message, i: int) -> bytes:
    return reply.array(str(i), "u1", None).tobytes()


def found_image(neighbour: search_pb2.Neighbour, jpeg: bytes = b"") -> Image:
    return Image(image_id(neighbour.id), neighbour.name, neighbour.annotated, neighbour.generation, neighbour.added_ms,
                 neighbour.dist_l2sq, jpeg)


def found(reply: message.Message, n: int, k: int, features: bool, thumbnails: bool) -> Found:
    """The answer to a search. EFORMAT, ESHAPE: it does not fit the request."""
    body = reply.envelope.search_reply
    if len(body.neighbours) != n * k:
        raise Error(Code.EFORMAT, f"the service sent {len(body.neighbours)} neighbours for {n} queries, not {k} each")
    distances = np.full((n, k), np.inf, np.float32)
    images: list[list[Image]] = [[] for _ in range(n)]
    for i, neighbour in enumerate(body.neighbours):
        if neighbour.id:
            distances[i // k, i % k] = neighbour.dist_l2sq
            images[i // k].append(found_image(neighbour, thumbnail(reply, i) if thumbnails else b""))
    maps = reply.array("features", "f2", n * k, None, None, None) if features else None
    return Found(body.generation, body.images, images, distances, None if maps is None else maps.reshape(n, k, *maps.shape[1:]))


def outcomes(reply: message.Message, n: int) -> list[Outcome]:
    answered = reply.envelope.ingest_reply.outcomes
    if len(answered) != n:
        raise Error(Code.EFORMAT, f"the service sent {len(answered)} outcomes of {n} images")
    if not all(outcome.fate in Fate.__members__.values() for outcome in answered):
        raise Error(Code.EFORMAT, "the service sent an outcome of another kind")
    return [Outcome(o.name, o.id, Fate(o.fate), o.reason, o.warning) for o in answered]


def listed(reply: message.Message, thumbnails: bool, embeddings: bool) -> list[Image]:
    answered = reply.envelope.list_reply.images
    rows = reply.array("embeddings", "f4", len(answered), None) if embeddings and answered else None
    return [Image(image_id(image.id), image.name, image.annotated, image.generation, image.added_ms,
                  jpeg=thumbnail(reply, i) if thumbnails else b"", embedding=None if rows is None else rows[i])
            for i, image in enumerate(answered)]


def translation(reply: message.Message, n: int, samples: int, side: int) -> Translation:
    body = reply.envelope.translate_reply
    outputs = n * samples
    if len(body.neighbours) % outputs:
        raise Error(Code.EFORMAT, f"the service sent {len(body.neighbours)} neighbours for {outputs} translations")
    k = len(body.neighbours) // outputs
    each = [[found_image(found) for found in body.neighbours[i * k : (i + 1) * k] if found.id] for i in range(outputs)]
    pixels = reply.array("pixels", "u1", outputs, side, side, 3).reshape(n, samples, side, side, 3)
    return Translation(body.stage, body.generation, pixels, [each[i * samples : (i + 1) * samples] for i in range(n)])
