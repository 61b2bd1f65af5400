"""Requests to services over encrypted tcp, by the messages alone (proto/).

A link has one request open at a time. Like those of the programs it sends a request again when its connection broke and
is there again, and when the service says that it cannot take the request yet. So an answer may come twice; it is known by
its id.
"""
import asyncio
import itertools
import pathlib
import subprocess
import sys
import tempfile

import xxhash
import zmq
import zmq.asyncio
import zmq.auth
import zmq.utils.monitor

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
RESEND_MS = 4000
TIMEOUT, STOPPED, BUSY, CRASH = -10, -11, -12, -18  # of common/core/err.h: the request may be sent again

with tempfile.TemporaryDirectory() as folder:  # the Python classes of the messages
    subprocess.run(["protoc", "-I", PROTO, f"--python_out={folder}", *sorted(PROTO.glob("*.proto"))], check=True)
    sys.path.insert(0, folder)
    import envelope_pb2 as pb


class Refused(Exception):
    """An error that the service answered."""

    def __init__(self, error):
        super().__init__(error.sentence)
        self.passing = error.again_ms > 0 or error.code in (TIMEOUT, STOPPED, BUSY, CRASH)


def connect(context, endpoint, keys, name, **options):
    """A socket with the key NAME of the folder `keys`; without one if `keys` is None. Options are those of zmq in lower
    case: rcvhwm=1."""
    socket = context.socket(zmq.DEALER)
    if keys:
        socket.curve_serverkey, _ = zmq.auth.load_certificate(f"{keys}/server.key")
        socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(f"{keys}/{name}.key_secret")
    beat_ms = 2000 if endpoint.startswith("tcp:") else 0
    defaults = {"linger": 0, "rcvhwm": 0, "heartbeat_ivl": beat_ms, "heartbeat_timeout": 20000, "reconnect_ivl": 10,
                "reconnect_ivl_max": 250}
    for option, value in {**defaults, **options}.items():
        setattr(socket, option, value)
    socket.connect(endpoint)
    return socket


def add_payload(request, frames, name, dtype, shape, data):
    """A raw frame after the envelope, which says what it is."""
    request.payloads.add(name=name, dtype=dtype, shape=shape, checksum=xxhash.xxh3_64_intdigest(data))
    frames.append(data)


def pack(request, frames=(), number=1):
    request.version, request.id = 1, number
    return [request.SerializeToString(), *frames]


class Link:
    numbers = itertools.count(1)

    def __init__(self, context, endpoint, keys, name, resend_ms=RESEND_MS):
        self.peer, self.socket = (context, endpoint, keys, name), None
        self.resend_ms, self.is_broken = resend_ms, False

    def _connect(self):
        """At the first request: who has a connection must read its events, or ZeroMQ stops after some thousand."""
        self.socket = connect(*self.peer)
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self.poller = zmq.asyncio.Poller()
        for socket in (self.socket, self.monitor):
            self.poller.register(socket, zmq.POLLIN)

    async def ask(self, request, frames=()):
        """The envelope of the reply and its payloads by name. Raises Refused."""
        if not self.socket:
            self._connect()
        message = pack(request, frames, next(self.numbers))
        await self._is_back()
        while True:
            await self.socket.send_multipart(message)
            reply, payloads = await self._receive(request.id)
            if reply is None:
                continue
            if reply.WhichOneof("body") != "error":
                return reply, payloads
            if not reply.error.again_ms:
                raise Refused(reply.error)
            await asyncio.sleep(reply.error.again_ms / 1000)

    async def _is_back(self):
        """Reads what has become of the connection. True: it broke, and is there again."""
        is_back = False
        while await self.monitor.poll(0):
            event = zmq.utils.monitor.parse_monitor_message(await self.monitor.recv_multipart())["event"]
            is_back = self.is_broken and event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self.is_broken = event == zmq.EVENT_DISCONNECTED
        return is_back

    async def _receive(self, number):
        """None: the request has to be sent again; older answers are passed over."""
        while ready := dict(await self.poller.poll(self.resend_ms)):
            if self.socket in ready:
                first, *frames = await self.socket.recv_multipart()
                reply = pb.Envelope.FromString(first)
                if reply.id == number:
                    return reply, {payload.name: frame for payload, frame in zip(reply.payloads, frames)}
            if await self._is_back():
                break
        return None, None
