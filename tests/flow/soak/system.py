"""What all good clients share: where the services are, the model, the ledger, and the times of operations by phase."""
import collections
import pathlib
import statistics

from ledger import State, floats
from messages import Link, pb


class System:
    def __init__(self, context, endpoints, port, keys, faces, ledger):
        self.context, self.endpoints, self.port, self.keys, self.ledger = context, endpoints, port, keys, ledger
        self.faces = [pathlib.Path(path).read_bytes() for path in faces]
        self.phase, self.stopped = "idle", False
        self.seconds = collections.defaultdict(list)  # by phase
        self.again = collections.Counter()  # why operations were repeated

    def link(self, service, name="good-reader"):
        return Link(self.context, self.endpoints[service], self.keys, name)

    async def learn(self):
        """Asks for the model and the form of what is stored, and lists what is there before the first addition."""
        link = self.link("retrieval")
        request = pb.Envelope()
        request.status_request.SetInParent()
        fields = {field.key: field.value for field in (await link.ask(request))[0].status_reply.fields}
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

    def p99_ms(self, phase):
        times = self.seconds[phase]
        return 1000 * statistics.quantiles(times, n=100)[98] if len(times) > 1 else 0
