"""Attackers:  attackers.py KIND SECONDS TARGET

TARGET is a JSON object: `endpoints` of the services by name, `port` of the gateway, `keys`, the folder of keys. An
attacker goes on for SECONDS, whatever the services do, and prints what that cost it, as JSON:
    connections, bytes  made and sent
    answers, accepted   requests that were answered, and those of them that were not refused as they should be
The kinds are the functions at the bottom. Their comments say whether they have a key.
"""
import asyncio
import json
import os
import pathlib
import random
import socket
import sys
import time

import zmq

from messages import add_payload, connect, pack, pb

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "unit" / "data" / "fixtures"
GREETING = b"\xff" + 7 * b"\0" + b"\x01\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + 32 * b"\0"
HUGE = 63 << 20


class Target:
    def __init__(self, seconds, endpoints, port, keys):
        self.end = time.monotonic() + seconds
        self.endpoints, self.port, self.keys, self.context = endpoints, port, keys, zmq.Context()
        self.cost = dict.fromkeys(("connections", "bytes", "answers", "accepted"), 0)

    def goes_on(self):
        return time.monotonic() < self.end

    def zmq_socket(self, service, role, **options):
        self.cost["connections"] += 1
        return connect(self.context, self.endpoints[service], self.keys, f"evil-{role}", **options)

    def tcp_socket(self, port):
        """None: the service is being started, or refuses."""
        try:
            peer = socket.create_connection(("127.0.0.1", port), 1)
        except OSError:
            time.sleep(0.05)
            return None
        self.cost["connections"] += 1
        peer.setblocking(False)
        return peer

    def service_port(self, service):
        return int(self.endpoints[service].rsplit(":", 1)[1])

    def send(self, peer, data):
        """What the socket takes at once. False: the service has hung up."""
        try:
            self.cost["bytes"] += peer.send(data)
            return True
        except BlockingIOError:
            return True
        except OSError:
            return False

    def ask(self, peer, message):
        """The reply; None if the service ended meanwhile."""
        peer.send_multipart(message)
        self.cost["bytes"] += sum(map(len, message))
        while self.goes_on():
            if peer.poll(100):
                self.cost["answers"] += 1
                return pb.Envelope.FromString(peer.recv_multipart()[0])
        return None

    def expect_refusal(self, peer, message):
        reply = self.ask(peer, message)
        self.cost["accepted"] += reply is not None and reply.WhichOneof("body") != "error"


def attack_by_crowd(target, port, size, data, pause_s):
    """`size` connections at a time; each sends the pieces that data() gives; those that end are replaced."""
    crowd = []
    while target.goes_on():
        while len(crowd) < size and target.goes_on():
            peer = target.tcp_socket(port())
            if peer:
                crowd.append((peer, data()))
        stay = []
        for peer, pieces in crowd:
            piece = next(pieces, None)
            if piece is not None and target.send(peer, piece):
                stay.append((peer, pieces))
            else:
                peer.close()
        crowd = stay
        time.sleep(pause_s)


# ---- without a key
def flood(target):
    """Connections to all services: silent ones, greetings, garbage; closed after a few rounds."""
    def data():
        yield random.choice([b"", GREETING, os.urandom(4096)])
        for _ in range(random.randint(0, 10)):
            yield b""

    attack_by_crowd(target, lambda: target.service_port(random.choice(list(target.endpoints))), 200, data, 0.02)


def handshakes(target):
    """A command of 63 MiB in place of a handshake, on 12 connections."""
    def data():
        yield GREETING + b"\x06" + HUGE.to_bytes(8, "big") + b"\x05HELLO"
        for _ in range(HUGE >> 16):
            yield bytes(1 << 16)

    attack_by_crowd(target, lambda: target.service_port("retrieval"), 12, data, 0)


def slow(target):
    """HTTP requests whose headers come byte by byte."""
    def data():
        yield b"GET / HTTP/1.1\r\nX: "
        while True:
            yield b"x"

    attack_by_crowd(target, lambda: target.port, 128, data, 0.3)


# ---- with the key of a reader
def unfinished(target):
    """Frames of 2 MiB of which only the first MiB arrives: a relay stops in the middle of the encrypted bytes."""
    async def forward(reader, writer, most):
        """Ends when a side hangs up."""
        try:
            while data := await reader.read(1 << 16):
                writer.write(data[:most])
                target.cost["bytes"] += len(data[:most])
                most -= len(data[:most])
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def relay(reader, writer):
        try:
            inner = await asyncio.open_connection("127.0.0.1", target.service_port("retrieval"))
            await asyncio.gather(forward(reader, inner[1], 1 << 20), forward(inner[0], writer, HUGE))
        except OSError:
            writer.close()

    async def run():
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        target.endpoints["relay"] = "tcp://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        peers = [target.zmq_socket("relay", "reader", heartbeat_ivl=0) for _ in range(20)]
        for peer in peers:
            peer.send(bytes(2 << 20))
        await asyncio.sleep(target.end - time.monotonic())
        os.write(1, json.dumps(target.cost).encode())
        os._exit(0)  # without waiting for the connections

    asyncio.run(run())


def deaf(target):
    """Lists with thumbnails, which are never read. A heartbeat that is due after the service hung up aborts libzmq."""
    peers = [target.zmq_socket("retrieval", "reader", rcvhwm=1, rcvbuf=4096, heartbeat_ivl=0) for _ in range(6)]
    request = pb.Envelope(list_request={"limit": 200, "thumbnails": True, "embeddings": True})
    while target.goes_on():
        for number, peer in enumerate(peers):
            try:
                for i in range(16):
                    message = pack(request, (), 16 * number + i)
                    peer.send_multipart(message, zmq.NOBLOCK)
                    target.cost["bytes"] += sum(map(len, message))
            except zmq.Again:
                pass
        time.sleep(0.2)


def hostile_numbers():
    """Pairs of a service and the name of a request, with what is wrong in it."""
    most = (1 << 32) - 1
    for field in ("k", "ef_search", "nprobe", "pool", "queries"):
        yield "retrieval", "search_request", {"model": "x", "k": 1, "random": True, "queries": 1, field: most}
        yield "retrieval", "search_request", {"model": "x", "k": 1, "random": True, "queries": 1, field: 10**9}
    yield "retrieval", "list_request", {"limit": most}
    yield "encoder", "translate_request", {"samples": most}
    yield "loader", "batch_request", {"stream": "stage1", "images": most}
    yield "loader", "batch_request", {"stream": "stage1", "images": 1, "parts": most, "part": most - 1}
    yield "loader", "batch_request", {"stream": "s" * 100000, "images": 1}
    yield "retrieval", "model_request", {"model": "x", "embed_dim": most, "features_shape": [most] * 3}
    yield "encoder", "load_request", {"checkpoint": "/dev/zero"}
    yield "encoder", "load_request", {"checkpoint": "../" * 1000}


def numbers(target):
    """Numbers and names that would ask for any amount of memory or time. All are refused."""
    peers = {service: target.zmq_socket(service, "admin") for service in ("retrieval", "encoder", "loader")}
    while target.goes_on():
        for service, body, fields in hostile_numbers():
            request = pb.Envelope(**{body: fields})
            target.expect_refusal(peers[service], pack(request))
        time.sleep(0.05)


def elements(target):
    """Envelopes of millions of empty descriptors and of 230,000 ids."""
    peer = target.zmq_socket("retrieval", "reader")
    search = pb.Envelope(search_request={"model": "x", "k": 1, "random": True, "queries": 1})
    search.search_request.filter.exclude.extend([bytes(16)] * 230000)
    empty = [pack(pb.Envelope(status_request={}))[0] + b"\x1a\x00" * 2000000]
    while target.goes_on():
        for message in (empty, pack(search)):
            target.expect_refusal(peer, message)


# ---- with the key of a writer, and over HTTP
def bomb(name, side=8192):
    """A picture of the fixtures whose header claims a large size."""
    data = bytearray((FIXTURES / name).read_bytes())
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC1, 0xC2))
    data[at + 5:at + 9] = side.to_bytes(2, "big") * 2
    if name != "baseline.jpg":
        for i in range(data[at + 9]):
            data[at + 11 + 3 * i] = 0x11
    return bytes(data)


def jpegs(target):
    """Small files that claim to be pictures of 8192 x 8192."""
    bombs = [bomb(name) for name in ("progressive.jpg", "cmyk.jpg", "baseline.jpg")]
    peer = target.zmq_socket("loader", "writer")
    while target.goes_on():
        data = random.choice(bombs)
        request, frames = pb.Envelope(), []
        request.ingest_request.items.add(name="bomb.jpg")
        add_payload(request, frames, "0", pb.U8, [len(data)], data)
        reply = target.ask(peer, pack(request, frames))
        target.cost["accepted"] += reply is not None and any(
            outcome.fate != pb.ingest__pb2.REFUSED for outcome in reply.ingest_reply.outcomes)
        page = target.tcp_socket(target.port)
        if page:
            head = f"POST /api/v1/search HTTP/1.1\r\nHost: localhost:{target.port}\r\n"
            target.send(page, (head + f"Content-Length: {len(data)}\r\n\r\n").encode() + data)
            page.settimeout(max(0.1, min(5, target.end - time.monotonic())))
            try:
                answer = page.recv(4096)
                target.cost["answers"] += 1
                target.cost["accepted"] += answer.startswith(b"HTTP/1.1 200")
            except OSError:
                pass
            page.close()


KINDS = [flood, handshakes, slow, unfinished, deaf, numbers, elements, jpegs]


def main():
    kind, seconds, target = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
    target = Target(seconds, **target)
    {function.__name__: function for function in KINDS}[kind](target)
    print(json.dumps(target.cost))
    target.context.destroy(0)


if __name__ == "__main__":
    main()
