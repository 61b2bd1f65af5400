"""A service for tests, on a thread of its own: it keeps each request and answers as the test prepared."""
import contextlib
import pathlib
import queue
import tempfile
import threading

import zmq

from rg_unit import message

DROP = object()  # an answer: the connection breaks


class Service:
    """Answers are functions of the request's message that give (envelope, arrays), or DROP, in the order of the requests. Without
    one a request is never answered; a status request always is. uptime_s: how long the service says that it runs. secret: its key."""

    def __init__(self, endpoint, context, secret=None):
        self.endpoint, self.uptime_s, self.requests, self._secret = endpoint, 1e9, [], secret
        self._context, self._answers = context, queue.Queue()
        self._access = context.socket(zmq.REP)  # of access control: whether the key of a client is allowed
        self.access = b"200"
        if secret:
            self._access.bind("inproc://zeromq.zap.01")
        self._control, self._end = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        self._control.bind(f"inproc://{id(self)}")
        self._end.connect(f"inproc://{id(self)}")
        self._thread = threading.Thread(target=self._run, args=[self._open()])
        self._thread.start()

    def answer(self, *answers):
        for answer in answers:
            self._answers.put(answer)

    def stop(self):
        self._control.send(b"")
        self._thread.join()
        self._control.close(0)
        self._end.close(0)
        self._access.close(0)

    def _run(self, socket):
        poller = zmq.Poller()
        while True:
            poller.register(socket, zmq.POLLIN)
            poller.register(self._end, zmq.POLLIN)
            poller.register(self._access, zmq.POLLIN)
            ready = dict(poller.poll())
            if self._end in ready:
                break
            if self._access in ready:
                version, number, *_ = self._access.recv_multipart()
                self._access.send_multipart([version, number, self.access, b"", b"", b""])
                continue
            identity, *frames = socket.recv_multipart()
            request = message.parse(frames)
            answer = self._status if request.kind == "status_request" else self._next(request)
            if answer is DROP:
                poller.unregister(socket)
                socket.close(0)
                socket = self._open()
                continue
            for reply in [answer(request)] if answer else []:
                frames = reply if isinstance(reply, list) else message.pack(*reply, request.envelope.id, 1 << 30)
                socket.send_multipart([identity, *frames])
        socket.close(0)

    def _open(self):
        socket = self._context.socket(zmq.ROUTER)
        if self._secret:
            socket.curve_server, socket.curve_secretkey = True, self._secret
        socket.bind(self.endpoint)
        self.endpoint = socket.get_string(zmq.LAST_ENDPOINT)  # tcp://127.0.0.1:* has a port now
        return socket

    def _next(self, request):
        self.requests.append(request)
        return self._answers.get() if not self._answers.empty() else None

    def _status(self, _):
        reply = message.new("status_reply")
        reply.status_reply.service, reply.status_reply.state = "retrieval", "ready"
        reply.status_reply.uptime_s = self.uptime_s
        for key, value in {"images": "3", "generation": "7", "dimension": "2", "model": "m"}.items():
            reply.status_reply.fields.add(key=key, value=value)
        return reply, {}


@contextlib.contextmanager
def running(endpoint=None, secret=None):
    """A service at this endpoint, or at an ipc endpoint of its own."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context:
        service = Service(endpoint or f"ipc://{pathlib.Path(folder) / 's.ipc'}", context, secret)
        try:
            yield service
        finally:
            service.stop()


def reply(kind, arrays=None, **fields):
    """An answer of this kind, whose body has these fields."""

    def make(_):
        envelope = message.new(kind)
        for name, value in fields.items():
            body = getattr(envelope, kind)
            getattr(body, name).extend(value) if isinstance(value, list) else setattr(body, name, value)
        return envelope, arrays or {}

    return make


def error(code, sentence, again_ms=0):
    return reply("error", code=code, sentence=sentence, again_ms=again_ms)
