"""Requests to services over encrypted tcp, by the messages alone (proto/).

A link has one request open at a time. It sends a request again when its service may have died with it, and when the
service says that it cannot take the request yet. So an answer may come twice; it is known by its id.
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
    """A socket with the key NAME of the folder `keys`. Options are those of zmq in lower case: rcvhwm=1."""
    socket = context.socket(zmq.DEALER)
    socket.curve_serverkey, _ = zmq.auth.load_certificate(f"{keys}/server.key")
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(f"{keys}/{name}.key_secret")
    for option, value in {"linger": 0, "heartbeat_ivl": 2000, "heartbeat_timeout": 20000, **options}.items():
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

    def __init__(self, context, endpoint, keys, name):
        self.socket = connect(context, endpoint, keys, name)

    async def ask(self, request, frames=()):
        """The envelope of the reply and its payloads by name. Raises Refused."""
        message = pack(request, frames, next(self.numbers))
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

    async def _receive(self, number):
        """None: no answer came; older answers are passed over."""
        while await self.socket.poll(RESEND_MS):
            first, *frames = await self.socket.recv_multipart()
            reply = pb.Envelope.FromString(first)
            if reply.id == number:
                return reply, {payload.name: frame for payload, frame in zip(reply.payloads, frames)}
        return None, None
