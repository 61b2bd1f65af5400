"""What all good clients share: where the services are, the model, the ledger, and the times of operations by phase."""
import asyncio
import collections
import pathlib
import statistics
import time

from ledger import State, floats
from messages import RESEND_MS, Link, pb

PATIENCE_S = 90


class System:
    """Without keys nothing is encrypted; without a port there is no gateway."""

    def __init__(self, context, endpoints, faces, ledger, port=None, keys=None, resend_ms=RESEND_MS):
        self.context, self.endpoints, self.port, self.keys, self.ledger = context, endpoints, port, keys, ledger
        self.resend_ms, self.stored = resend_ms, []
        self.faces = [pathlib.Path(path).read_bytes() for path in faces]
        self.phase, self.stopped = "", False
        self.seconds = collections.defaultdict(list)  # by phase
        self.spans = []  # of the operations: begin and end
        self.again = collections.Counter()  # why operations were repeated

    def link(self, service, name="good-reader"):
        return Link(self.context, self.endpoints[service], self.keys, name, self.resend_ms)

    async def learn(self):
        """Asks for the model and the form of what is stored, and lists what is there before the first addition."""
        link = self.link("retrieval")
        request = pb.Envelope()
        request.status_request.SetInParent()
        fields = {}
        while "model" not in fields:  # it tells no model while it loads
            fields = {field.key: field.value for field in (await link.ask(request))[0].status_reply.fields}
            await asyncio.sleep(0.01)
        self.model, self.dimension = fields["model"], int(fields["dimension"])
        request = pb.Envelope()
        search = request.search_request
        search.model, search.k, search.features, search.random, search.queries = self.model, 1, True, True, 1
        reply, _ = await link.ask(request)
        self.features_shape = next(list(p.shape[1:]) for p in reply.payloads if p.name == "features")
        for key, embedding in await self.list_all(link):
            self.ledger.change(key, State.PRESENT, embedding)

    async def list_all(self, link):
        """Pairs of id and embedding, page by page."""
        images, start = [], 0
        while True:
            request = pb.Envelope()
            setattr(request.list_request, "from", start)  # a keyword of Python
            request.list_request.limit, request.list_request.embeddings = 50, True
            reply, payloads = await link.ask(request)
            rows = floats(payloads.get("embeddings", b""))
            width = self.dimension
            for i, listed in enumerate(reply.list_reply.images):
                images.append((listed.id, rows[i * width:(i + 1) * width]))
            start = reply.list_reply.next
            if not start:
                return images

    def note_time(self, phase, begin):
        """Of an operation that has ended. It counts for the phase in which it began."""
        end = time.monotonic()
        self.seconds[phase].append(end - begin)
        self.spans.append((begin, end))

    def count(self, phase):
        return len(self.seconds[phase])

    def longest_wait(self, moment):
        """How long those operations went on that were open at this moment: the longest, or 0."""
        return max((end - moment for begin, end in self.spans if begin <= moment <= end), default=0)

    def p99_ms(self, phase):
        times = self.seconds[phase]
        return 1000 * statistics.quantiles(times, n=100)[98] if len(times) > 1 else 0

    # ---- the end
    async def finish(self, tasks):
        """Lets the clients finish what they have begun, and compares the set with the ledger: what is wrong, as sentences."""
        self.stopped, failures = True, []
        _, open_tasks = await asyncio.wait(tasks, timeout=PATIENCE_S)
        if open_tasks:
            failures.append(f"{len(open_tasks)} good clients got no answer for {PATIENCE_S} s")
        for task in tasks:
            if task.done() and task.exception():
                raise task.exception()
        self.stored = await self.list_all(self.link("retrieval"))
        lost, back = self.ledger.check_end(self.stored)
        if lost:
            failures.append(f"{lost} acknowledged images are lost")
        if back:
            failures.append(f"{back} removed images are back")
        return failures + [f"{count} times: {sentence}" for sentence, count in self.ledger.wrong.items()]

    def print_comparison(self, count):
        print("compared:", ", ".join(f"{n} {kind}" for kind, n in sorted(self.ledger.compared.items())))
        print("repeated:", ", ".join(f"{n} x {why}" for why, n in self.again.most_common(8)) or "nothing")
        print(f"{count} good clients, {len(self.stored)} images at the end, "
              f"{self.ledger.count(State.ADDING) + self.ledger.count(State.REMOVING)} of unknown state")
