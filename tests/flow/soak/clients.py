"""Good clients: each repeats an operation, waits a little in between, and compares every answer with the ledger."""
import asyncio
import json
import random
import time

import xxhash

from ledger import State, floats
from messages import Refused, add_payload, pb

MEMBERS = {"add and remove": 15, "add files": 10, "search": 10, "list": 3, "find": 4, "translate": 4, "page": 4}
PAUSE_S = 0.6  # on average between two operations of a client, unless make() says otherwise
NAMES = "soak/"  # of their images
LATE = 0.3  # share of changes after which a copy of the request before them is sent, as one that comes late
OK = 200
LATER = (429, 500, 502, 503, 504)  # a service behind the gateway is being started


class Client:
    """A subclass has an operation `run`. It is repeated as long as its error passes."""

    pause_s, done = PAUSE_S, 0  # done: operations that have ended

    def __init__(self, system, seed):
        self.system, self.ledger, self.random = system, system.ledger, random.Random(seed)

    async def live(self):
        while not self.system.stopped:
            begin, phase = time.monotonic(), self.system.phase
            await self.run()
            self.system.note_time(phase, begin)
            self.done += 1
            await asyncio.sleep(self.random.uniform(0, 2 * self.pause_s))

    async def ask(self, link, request, frames=()):
        while True:
            try:
                return await link.ask(request, frames)
            except Refused as refused:
                if not refused.passing:
                    raise
                self.system.again[str(refused)] += 1
                await asyncio.sleep(0.2)

    def query(self):
        return floats([self.random.gauss(0, 0.5) for _ in range(self.system.dimension)])

    def pixels(self, request, frames, side=32):
        add_payload(request, frames, "pixels", pb.U8, [1, side, side, 3], self.random.randbytes(side * side * 3))


class Mover(Client):
    """Adds images with embeddings of its own and removes them, again and again the same few. Sometimes a late copy of the
    last removal follows an addition, or one of the last addition a removal: neither undoes what came between."""

    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.link = system.link("retrieval", "good-admin")
        self.keys = [self.random.randbytes(16) for _ in range(6)]
        self.additions, self.removals = {}, {}  # the last ones, by id

    async def run(self):
        key = self.random.choice(self.keys)
        if self.ledger.images[key].state is State.ABSENT:
            await self.add(key)
            late = self.repeat_removal
        else:
            await self.remove(key)
            late = self.repeat_addition
        if self.random.random() < LATE:
            await late(key)

    async def repeat_removal(self, key):
        if key in self.removals:
            reply, _ = await self.ask(self.link, self.removals[key])
            self.ledger.check(reply.remove_reply.newer == 1, "a late copy of a removal undoes an addition")
            self.ledger.compared["late removal"] += 1

    async def repeat_addition(self, key):
        link, *message = self.additions[key]
        reply, _ = await self.ask(link, *message)
        refused = reply.ingest_reply.outcomes[0].fate == pb.ingest__pb2.REFUSED
        self.ledger.check(refused, "a late copy of an addition undoes a removal")
        self.ledger.compared["late addition"] += 1

    async def add(self, key):
        embedding, shape = self.query(), self.system.features_shape
        request, frames = pb.Envelope(), []
        request.add_request.model, request.add_request.asked_us = self.system.model, int(time.time() * 1e6)
        request.add_request.items.add(name=NAMES + key.hex(), id=key)
        add_payload(request, frames, "embeddings", pb.F32, [1, len(embedding)], embedding.tobytes())
        add_payload(request, frames, "features", pb.F16, [1, *shape], bytes(2 * shape[0] * shape[1] * shape[2]))
        thumbnail = self.system.faces[0]
        add_payload(request, frames, "0", pb.U8, [len(thumbnail)], thumbnail)
        self.ledger.change(key, State.ADDING, embedding)
        self.additions[key] = self.link, request, frames
        reply, _ = await self.ask(self.link, request, frames)
        self.acknowledge(reply, key)

    def acknowledge(self, reply, key):
        outcome = reply.ingest_reply.outcomes[0]
        accepted = outcome.fate in (pb.ingest__pb2.ADDED, pb.ingest__pb2.DUPLICATE)
        self.ledger.check(accepted and outcome.id == key, f"a good image is refused: {outcome.reason}")
        if accepted:
            self.ledger.change(key, State.PRESENT)
        self.ledger.compared["add"] += 1

    async def remove(self, key):
        request = pb.Envelope()
        request.remove_request.ids.append(key)
        request.remove_request.asked_us = int(time.time() * 1e6)
        self.ledger.change(key, State.REMOVING)
        self.removals[key] = request
        await self.ask(self.link, request)
        self.ledger.change(key, State.ABSENT)
        self.ledger.compared["remove"] += 1


class Sender(Mover):
    """Adds image files through loader and encoder. A comment in the file makes each an image of its own."""

    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.loader = system.link("loader", "good-admin")
        self.files = [self.file() for _ in range(4)]
        self.keys = list(map(xxhash.xxh3_128_digest, self.files))

    def file(self):
        face = self.random.choice(self.system.faces)
        return face[:2] + b"\xff\xfe\x00\x0a" + self.random.randbytes(4).hex().encode() + face[2:]

    async def add(self, key):
        data = self.files[self.keys.index(key)]
        request, frames = pb.Envelope(), []
        request.ingest_request.asked_us = int(time.time() * 1e6)
        request.ingest_request.items.add(name=NAMES + key.hex() + ".jpg")
        add_payload(request, frames, "0", pb.U8, [len(data)], data)
        self.ledger.change(key, State.ADDING)
        self.additions[key] = self.loader, request, frames
        reply, _ = await self.ask(self.loader, request, frames)
        self.acknowledge(reply, key)
        request = pb.Envelope()
        request.list_request.ids.append(key)
        request.list_request.embeddings = True
        reply, payloads = await self.ask(self.link, request)
        self.ledger.check(len(reply.list_reply.images) == 1, "an image that was just added is not listed")
        self.ledger.images[key].embedding = floats(payloads.get("embeddings", b"")) or None


def pairs(reply):
    return [(n.id, n.dist_l2sq) for n in reply.search_reply.neighbours if n.id]


class Searcher(Client):
    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.link = system.link("retrieval")

    async def run(self):
        query, request, frames = self.query(), pb.Envelope(), []
        search = request.search_request
        search.model, search.k, search.queries = self.system.model, self.random.randint(1, 20), 1
        add_payload(request, frames, "queries", pb.F32, [1, len(query)], query.tobytes())
        asked = time.monotonic()
        reply, _ = await self.ask(self.link, request, frames)
        self.ledger.check_search("search", query, search.k, pairs(reply), asked)


class Lister(Client):
    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.link = system.link("retrieval")

    async def run(self):
        asked = time.monotonic()
        while True:
            try:
                images = await self.system.list_all(self.link)
                break
            except Refused as refused:
                if not refused.passing:
                    raise
        self.ledger.check_list("list", [key for key, _ in images], asked)


class Finder(Client):
    """Asks the encoder for the images nearest to a picture, whose embedding it has asked for at first."""

    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.link, self.embedding, self.seed = system.link("encoder"), None, seed

    def request(self, body):
        request, frames = pb.Envelope(), []
        getattr(request, body).SetInParent()
        self.random.seed(self.seed)
        self.pixels(request, frames)
        return request, frames

    async def run(self):
        _, payloads = await self.ask(self.link, *self.request("embed_request"))
        embedding = floats(payloads["embeddings"])
        self.embedding = self.embedding or embedding
        self.ledger.check_same("embed", embedding, self.embedding)
        request, frames = self.request("find_request")
        request.find_request.search.k = 8
        asked = time.monotonic()
        reply, _ = await self.ask(self.link, request, frames)
        self.ledger.check_search("find", self.embedding, 8, pairs(reply), asked)


class Translator(Finder):
    """Without neighbours the pixels are always the same; neighbours have to be images of the set."""

    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.first = None

    async def run(self):
        request, frames = self.request("translate_request")
        request.translate_request.edits.add(attribute="Male", value=True)
        request.translate_request.guidance = pb.encode__pb2.NONE
        _, payloads = await self.ask(self.link, request, frames)
        self.first = self.first or payloads["pixels"]
        self.ledger.check_same("translate", payloads["pixels"], self.first)
        request.translate_request.guidance = pb.encode__pb2.RETRIEVED
        asked = time.monotonic()
        reply, _ = await self.ask(self.link, request, frames)
        for neighbour in reply.translate_reply.neighbours:
            self.ledger.check_shown("a translation", neighbour.id, asked)


class Page(Client):
    """A browser: the page itself, the images, a search."""

    def __init__(self, system, seed):
        super().__init__(system, seed)
        self.page = None

    async def exchange(self, method, path, body):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.system.port)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.system.port}\r\nConnection: close\r\n"
        writer.write((head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    async def get(self, method, path, body=b""):
        """Repeated until the gateway answers 200: it, or what it asks, may be starting."""
        while True:
            try:
                status, answer = await asyncio.wait_for(self.exchange(method, path, body), 30)
                if status == OK:
                    return answer
                self.ledger.check(status in LATER, f"{method} {path}: {status} {answer[:200]}")
                self.system.again[f"HTTP {status}"] += 1
            except (OSError, IndexError, asyncio.TimeoutError) as error:
                self.system.again[f"HTTP {type(error).__name__}"] += 1
            await asyncio.sleep(0.2)

    async def run(self):
        page = await self.get("GET", "/")
        self.page = self.page or page
        self.ledger.check_same("page", page, self.page)
        asked = time.monotonic()
        for image in json.loads(await self.get("GET", "/api/v1/images?limit=100"))["images"]:
            self.ledger.check_shown("the page", bytes.fromhex(image["id"]), asked)
        asked = time.monotonic()
        found = json.loads(await self.get("POST", "/api/v1/search?k=5", self.system.faces[-1]))
        for neighbour in found["neighbours"]:
            self.ledger.check_shown("a search of the page", bytes.fromhex(neighbour["id"]), asked)


KINDS = {"add and remove": Mover, "add files": Sender, "search": Searcher, "list": Lister, "find": Finder,
         "translate": Translator, "page": Page}


def make(system, members=None, pause_s=PAUSE_S):
    """One object per client: `members` says how many of each kind."""
    made = [KINDS[kind](system, 1000 * i + j)
            for i, (kind, count) in enumerate((members or MEMBERS).items()) for j in range(count)]
    for client in made:
        client.pause_s = pause_s
    return made
