"""A client of a running system: searches, adds, removes, lists, embeds and translates images.

    with rg_unit.Client("configs/faces32.yaml") as client:
        found = client.search("face.jpg", {"Blond_Hair": 1}, k=10)
        for image in found.images[0]:
            print(image.name, image.distance)
        client.translate("face.jpg", {"Male": 1}).image().save("edited.png")
"""
from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Union

import numpy as np
import zmq

from rg_unit import config as configuration
from rg_unit import arguments, images, ingest, keys, message, results
from rg_unit.arguments import Ids
from rg_unit.connection import Options
from rg_unit.errors import Code, Error
from rg_unit.images import Picture
from rg_unit.link import Link, check
from rg_unit.proto import encode_pb2, envelope_pb2
from rg_unit.results import Embeddings, Filter, Found, Image, Model, Outcome, Status, Translation

Pictures = Union[Picture, Sequence[Picture]]
# Inside Client, `list` is its method.
Outcomes = list[Outcome]
Edits = list[encode_pb2.Edit]

ITEMS_MAX = message.PAYLOADS_MAX - 2  # embeddings and features are arrays, too
IMAGES_MAX, OUTPUTS_MAX, PAGE = 64, 1024, 100  # of a request; what is more is sent in parts
ANSWERS = {  # the reply to each kind of request, and the service that is asked
    "status_request": ("status_reply", ""), "find_request": ("search_reply", "encoder"),
    "embed_request": ("embed_reply", "encoder"), "translate_request": ("translate_reply", "encoder"),
    "ingest_request": ("ingest_reply", "loader"), "add_request": ("ingest_reply", "retrieval"),
    "model_request": ("model_reply", "retrieval"), "search_request": ("search_reply", "retrieval"),
    "remove_request": ("remove_reply", "retrieval"), "list_request": ("list_reply", "retrieval"),
}


class Client:
    """Connections to the services of one system, opened when they are needed.

    config: a configuration file of the system, which says where the services are, and the keys. Or name the endpoints:
    retrieval="ipc://RUN/retrieval.ipc", encoder="tcp://HOST:PORT" and so on, which also take the place of the file's.
    With neither, the file that the environment variable RG_CONFIG names.

    keys: folder with server.key and IDENTITY.key_secret (rg-ctl keys add), which encrypts tcp; "": no encryption.
    timeout_s: how long a call waits for each answer; None: no limit. message_max_mib: the largest array sent or taken; use
    limits.message_max_mib of the services, or their larger replies are lost. insecure: allow tcp beyond loopback without
    keys. What is not given is the file's, or else the default.

    Errors. Everything raises rg_unit.Error, whose `code` says which kind of failure it was: EINVAL, ESHAPE, ELIMIT for a
    bad argument; ETIMEOUT if no answer came in time, naming the endpoint; EACCES if the role of the key does not allow it;
    ECRASH if the service ended twice while it had the request; EMODEL, EFULL and others as the service says. Opening raises
    ECONFIG, ENOENT, EACCES or EFORMAT for a bad endpoint, file or key.

    Connections. Opening does not wait for the services, which may start later or be restarted at any time: requests
    without an answer are sent again then. A repeated request does no harm: an image that is added twice is stored once, and
    the second outcome is DUPLICATE. After ADDED and DUPLICATE the image is on the disk.

    Threads. Threads may share a client; the requests to a service take turns, and timeout_s counts from the turn. For
    requests side by side give each thread a client of its own. A client does not survive fork(). Results are plain values,
    independent of the client.
    """

    def __init__(self, config: str | os.PathLike[str] | None = None, *, retrieval: str | None = None, encoder: str | None = None,
                 loader: str | None = None, trainer: str | None = None, evaluator: str | None = None,
                 keys: str | os.PathLike[str] | None = None, identity: str | None = None, insecure: bool | None = None,
                 timeout_s: float | None = 30.0, message_max_mib: int | None = None) -> None:
        given = dict(zip(configuration.SERVICES, (retrieval, encoder, loader, trainer, evaluator)))
        named = {name: endpoint for name, endpoint in given.items() if endpoint is not None}
        base = _base(config, bool(named))
        self._endpoints = {**base.endpoints, **named}
        self._timeout_s = _check_timeout(timeout_s)
        folder = base.keys if keys is None else keys
        options = Options(_check_mib(base.message_max_mib if message_max_mib is None else message_max_mib),
                          base.insecure if insecure is None else insecure,
                          _read_keys(folder, base.identity if identity is None else identity))
        for endpoint in self._endpoints.values():
            check(endpoint, options)
        self._options, self._bytes_max = options, options.message_max_mib << 20
        self._context = zmq.Context()
        self._links: dict[str, Link] = {}
        self._opening = threading.Lock()

    def close(self) -> None:
        """Ends the connections. Calling it again does nothing."""
        for link in self._links.values():
            link.close()
        self._context.destroy(0)

    def _link(self, service: str) -> Link:
        with self._opening:
            if self._context.closed:
                raise Error(Code.EINVAL, "this client is closed")
            if service not in self._endpoints:
                raise Error(Code.EINVAL, f"this needs the {service}: give Client a configuration file, or its endpoint, "
                                         f"{service}=\"ipc://RUN/{service}.ipc\"")
            if service not in self._links:
                self._links[service] = Link(self._context, service, self._endpoints[service], self._options)
            return self._links[service]

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: envelope_pb2.Envelope, arrays: Mapping[str, np.ndarray] | None = None,
             service: str = "") -> message.Message:
        reply, own = ANSWERS[str(request.WhichOneof("body"))]
        return self._link(service or own).ask(request, arrays, reply=reply, timeout_s=self._timeout_s)

    # ---- status

    def status(self, service: str = "retrieval", settings: bool = False) -> Status:
        """What a service does. settings: also the configuration that it was started with.

        service: retrieval, encoder, loader, trainer or evaluator.
        """
        if service not in configuration.SERVICES:
            raise Error(Code.EINVAL, f"'{service}' is not a service: choose from {', '.join(configuration.SERVICES)}")
        request = message.new("status_request")
        request.status_request.settings = settings
        body = self._ask(request, service=service).envelope.status_reply
        if body.service != service:
            endpoint = self._endpoints[service]
            raise Error(Code.EINVAL, f"{endpoint}: this endpoint is the {body.service}, not the {service}")
        return Status(body.service, body.state, body.detail, body.pid, body.uptime_s, body.version,
                      {field.key: field.value for field in body.fields}, {s.key: s.value for s in body.settings})

    # ---- images that the encoder sees

    def pixels(self, pictures: Pictures) -> np.ndarray:
        """Images as the networks of this system see them, [N,S,S,3] u8: upright, the centred square, S = data.img_size.

        pictures: one or several of: a path, the bytes of a file (JPEG, PNG, WebP), a Pillow image, an array [H,W,3] u8; or
        an array [N,S,S,3] u8, which is returned. ENOENT, EFORMAT, ELIMIT, ESHAPE.
        """
        return self._prepare(pictures, self.status("encoder", settings=True))

    def _prepare(self, pictures: Pictures, encoder: Status) -> np.ndarray:
        return images.pixels(pictures, encoder.setting("data.img_size", int), encoder.setting("data.crop", int))

    def _edits(self, wanted: Mapping[str, int] | None, encoder: Status) -> Edits:
        chosen = images.edits(wanted or {}, encoder.names("data.attributes"), encoder.names("data.exclusive"))
        return [encode_pb2.Edit(attribute=name, value=value) for name, value in chosen.items()]

    def embed(self, pictures: Pictures, wanted: Mapping[str, int] | None = None) -> Embeddings:
        """Embeddings [N,D] of images. With wanted attributes, {"Blond_Hair": 1}: queries for images that show them.

        A 1 for a hair colour (data.exclusive) is a 0 for the others. EINVAL: an unknown attribute. ENOENT: the encoder has
        no retrieval net yet. EMODEL: it loaded another one meanwhile; call again.
        """
        encoder = self.status("encoder", settings=True)
        shown, edits = self._prepare(pictures, encoder), self._edits(wanted, encoder)
        models, values = set(), []
        for part in arguments.parts(shown, IMAGES_MAX):
            request = message.new("embed_request")
            request.embed_request.edits.extend(edits)
            reply = self._ask(request, {"pixels": part})
            models.add(reply.envelope.embed_reply.model)
            values.append(reply.array("embeddings", "f4", len(part), None))
        if len(models) > 1:
            raise Error(Code.EMODEL, "the encoder loaded another model meanwhile: call again")
        return Embeddings(models.pop(), np.concatenate(values))

    def translate(self, pictures: Pictures, wanted: Mapping[str, int], samples: int = 1, seed: int = 1,
                  references: Pictures | None = None, guided: bool = True) -> Translation:
        """Images [N,samples,S,S,3] u8 with the wanted attributes, {"Male": 1}.

        samples: draws of the attribute code; the first is the mean of its component. references: images, one for each
        picture, from which the codes of the wanted attributes are taken instead; then samples is 1. guided: False asks for
        no neighbours, as if the retrieval set were empty. EINVAL as embed(); ENOENT: no generator is trained yet; ESHAPE: the
        number of references.
        """
        encoder = self.status("encoder", settings=True)
        shown, edits = self._prepare(pictures, encoder), self._edits(wanted, encoder)
        shown_references = None if references is None else self._prepare(references, encoder)
        if shown_references is not None and (len(shown_references) != len(shown) or samples != 1):
            raise Error(Code.ESHAPE, f"{len(shown_references)} references of {len(shown)} images with {samples} samples: needed are as "
                                     "many references as images, and samples=1")
        outputs = min(OUTPUTS_MAX, self._bytes_max // shown[0].nbytes)
        if not 1 <= samples <= outputs:
            raise Error(Code.ELIMIT, f"samples is {samples}: 1 to {outputs} are possible")
        parts: list[Translation] = []
        for first in range(0, len(shown), min(IMAGES_MAX, outputs // samples)):
            part = slice(first, first + min(IMAGES_MAX, outputs // samples))
            request = message.new("translate_request")
            body = request.translate_request
            body.edits.extend(edits)
            body.samples, body.seed, body.guidance = samples, seed, encode_pb2.RETRIEVED if guided else encode_pb2.NONE
            arrays = {"pixels": shown[part]}
            if shown_references is not None:
                arrays["references"] = shown_references[part]
            parts.append(results.translation(self._ask(request, arrays), len(shown[part]), samples, shown.shape[1]))
        stages = {part.stage for part in parts}
        if len(stages) > 1:
            raise Error(Code.EMODEL, "the encoder loaded another model meanwhile: call again")
        return Translation(stages.pop(), max(part.generation for part in parts), np.concatenate([part.pixels for part in parts]),
                           [image for part in parts for image in part.neighbours])

    # ---- search

    def search(self, pictures: Pictures, wanted: Mapping[str, int] | None = None, k: int = 10, *,
               exclude: Ids | None = None, filter: Filter = Filter(), features: bool = False, thumbnails: bool = False,
               nprobe: int = 0, ef_search: int = 0) -> Found:
        """The k nearest images of the set to each of N images, with the wanted attributes if there are any.

        pictures and wanted as in embed(). exclude: an id for each picture, which its search does not find: its own. The
        rest as in search_embeddings(). At most 128 images.
        """
        encoder = self.status("encoder", settings=True)
        shown = self._prepare(pictures, encoder)
        request = message.new("find_request")
        request.find_request.edits.extend(self._edits(wanted, encoder))
        request.find_request.search.CopyFrom(arguments.search(k, filter, features, thumbnails, nprobe, ef_search))
        reply = self._ask(request, {"pixels": shown, **arguments.excluded(exclude, len(shown))})
        return results.found(reply, len(shown), k, features, thumbnails)

    def search_embeddings(self, embeddings: Embeddings | np.ndarray, k: int = 10, *, model: str | None = None,
                          exclude: Ids | None = None, filter: Filter = Filter(), features: bool = False,
                          thumbnails: bool = False, nprobe: int = 0, ef_search: int = 0) -> Found:
        """The k nearest images of the set to each of N embeddings [N,D] or to one [D].

        model: that made them; an Embeddings knows its own. filter: conditions. features: also what the generator reads of
        neighbours. thumbnails: also those, then N * k is at most 256. nprobe, ef_search: effort of an IVF or HNSW index; 0:
        its default. EMODEL: the set has embeddings of another model. ESHAPE: D is not its dimension. ENUMERIC: a number is
        not finite. ELIMIT: N or k is more than retrieval.batch_max or retrieval.k_max.
        """
        made_by = embeddings.model if isinstance(embeddings, Embeddings) else model
        values = embeddings.values if isinstance(embeddings, Embeddings) else embeddings
        if made_by is None:
            raise Error(Code.EINVAL, "model is missing: the name of the model that made the embeddings (status().model is the "
                                     "set's)")
        queries = message.array("embeddings", np.atleast_2d(values), "<f4", None, None)
        search = arguments.search(k, filter, features, thumbnails, nprobe, ef_search)
        search.model, search.queries = made_by, len(queries)
        request = message.new("search_request")
        request.search_request.CopyFrom(search)
        reply = self._ask(request, {"queries": queries, **arguments.excluded(exclude, len(queries))})
        return results.found(reply, len(queries), k, features, thumbnails)

    def draw(self, k: int, n: int = 1, seed: int = 1, *, filter: Filter = Filter(), features: bool = False,
             thumbnails: bool = False) -> Found:
        """k random images for each of n. The same seed draws the same images from the same set."""
        search = arguments.search(k, filter, features, thumbnails, 0, 0)
        search.model, search.queries, search.random, search.seed = self.status().model, n, True, seed
        request = message.new("search_request")
        request.search_request.CopyFrom(search)
        return results.found(self._ask(request), n, k, features, thumbnails)

    # ---- list

    def list(self, ids: Ids | None = None, *, missing: bool = False, thumbnails: bool = False,
             embeddings: bool = False) -> Iterator[Image]:
        """The images of the set, in the order in which they were added, page by page as they are read.

        ids: these images instead, in this order, without those that are not stored. missing: only images that the next model
        has not embedded yet. thumbnails, embeddings: with these.
        """
        wanted, chosen = None if ids is None else arguments.ids(ids), message.new("list_request")
        chosen.list_request.missing, chosen.list_request.thumbnails = missing, thumbnails
        chosen.list_request.embeddings = embeddings
        while wanted != []:
            body = chosen.list_request
            del body.ids[:]
            body.ids.extend((wanted or [])[:PAGE])
            body.limit = PAGE
            reply = self._ask(chosen)
            yield from results.listed(reply, thumbnails, embeddings)
            following = reply.envelope.list_reply.next
            if wanted is not None:
                wanted = wanted[following or PAGE :]
            elif not following:
                return
            else:
                setattr(body, "from", following)

    # ---- add and remove

    def add(self, pictures: Iterable[Picture] | Picture, names: Iterable[str] | None = None, annotated: bool = False) -> Outcomes:
        """Adds images to the set: the loader decodes them, the encoder embeds them. One outcome for each, in order.

        pictures: as in pixels(), any number; each is stored by its file, so an image is known by the bytes of its file.
        names: under which they are stored; else the path, or for images without one the hexadecimal id. A file that cannot
        be read, or is not an image, is REFUSED with the reason, and so is one that ends the loader whenever it is sent.
        """
        done: Outcomes = []
        for batch in ingest.batches(pictures, names, self._bytes_max):
            answered = iter(self._add_files([item for item in batch if not item.refusal], annotated))
            done += [item.refusal or next(answered) for item in batch]
        return done

    def _add_files(self, items: Sequence[ingest.Item], annotated: bool) -> Outcomes:
        """If the loader ended twice with these files, one of them may be the reason: each is sent alone then."""
        if not items:
            return []
        request = message.new("ingest_request")
        request.ingest_request.asked_us = time.time_ns() // 1000
        for item in items:
            request.ingest_request.items.add(name=item.name, annotated=annotated)
        try:
            return results.outcomes(self._ask(request, arguments.files([item.file for item in items])), len(items))
        except Error as error:
            if error.code is not Code.ECRASH:
                raise
            if len(items) == 1:
                return [ingest.refuse(items[0].name, error, items[0].file)]
        return [outcome for item in items for outcome in self._add_files([item], annotated)]

    def use_model(self, model: Model) -> int:
        """Announces a model of your own, before add_embeddings(). The number of images that it has not embedded yet.

        If no image is stored, it becomes the current model at once. Otherwise it becomes the next one: its embeddings are
        stored beside the current ones, which are searched until no image is missing. ESHAPE: a model of this name has other
        sizes.
        """
        request = message.new("model_request")
        body = request.model_request
        body.model, body.embed_dim = model.name, model.dimension
        body.features_shape.extend(model.features_shape)
        return int(self._ask(request).envelope.model_reply.missing)

    def add_embeddings(self, model: Model, names: Sequence[str], embeddings: np.ndarray, thumbnails: Sequence[Picture],
                       ids: Sequence[bytes] | None = None, features: np.ndarray | None = None,
                       annotated: bool = False) -> Outcomes:
        """Adds N images with embeddings of your own in one transaction, 1 to 254.

        embeddings [N,D], finite. thumbnails: a JPEG for each. ids: content_id() of each file; else that of its thumbnail.
        features [N,h,w,C] f16; else zeros. EMODEL: the model was not announced (use_model) or is not current any more. After
        an error nothing is stored.
        """
        n = len(names)
        if not 1 <= n <= ITEMS_MAX:
            raise Error(Code.ELIMIT, f"{n} images: 1 to {ITEMS_MAX} are possible at once")
        files = [images.file_bytes(thumbnail) for thumbnail in thumbnails]
        keys = [images.content_id(file) for file in files] if ids is None else arguments.ids(ids)
        if len(files) != n or len(keys) != n:
            raise Error(Code.ESHAPE, f"{n} names came with {len(files)} thumbnails and {len(keys)} ids")
        maps = np.zeros((n, *model.features_shape), "<f2") if features is None else features
        arrays = {"embeddings": message.array("embeddings", embeddings, "<f4", n, model.dimension),
                  "features": message.array("features", maps, "<f2", n, *model.features_shape), **arguments.files(files)}
        request = message.new("add_request")
        body = request.add_request
        body.model, body.asked_us = model.name, time.time_ns() // 1000
        for name, key in zip(names, keys):
            body.items.add(name=message.text(name), id=key, annotated=annotated)
        return results.outcomes(self._ask(request, arrays), n)

    def remove(self, ids: Ids) -> int:
        """Removes the images with these ids; unknown ids are ignored. The number of removed images.

        ids: one or several of: 16 bytes, 32 hexadecimal digits, an Image. content_id(file) is the id of a file. No later
        search finds a removed image. ELIMIT: more than retrieval.batch_max.
        """
        request = message.new("remove_request")
        request.remove_request.ids.extend(arguments.ids(ids))
        request.remove_request.asked_us = time.time_ns() // 1000
        return int(self._ask(request).envelope.remove_reply.removed)


# ---- opening


def _base(config: str | os.PathLike[str] | None, named: bool) -> configuration.Config:
    path = config or (None if named else os.environ.get("RG_CONFIG"))
    if path:
        return configuration.read(path)
    if not named:
        raise Error(Code.ECONFIG, "where are the services? Give Client a configuration file, or set RG_CONFIG, or name an "
                                  "endpoint: retrieval=\"ipc://RUN/retrieval.ipc\"")
    return configuration.Config({})


def _check_timeout(timeout_s: float | None) -> float | None:
    if timeout_s is not None and not timeout_s > 0:
        raise Error(Code.EINVAL, f"timeout_s is {timeout_s}: expected a number above 0, or None for no limit")
    return timeout_s


def _check_mib(mib: int) -> int:
    if not 1 <= mib <= 2047:
        raise Error(Code.EINVAL, f"message_max_mib is {mib}: 1 to 2047 are possible")
    return mib


def _read_keys(folder: str | os.PathLike[str], identity: str) -> keys.Keys | None:
    return keys.read(folder, identity) if os.fspath(folder) else None
