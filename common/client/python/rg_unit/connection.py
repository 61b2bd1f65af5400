"""The connections of a link and the addresses that they lead to."""
from __future__ import annotations

import dataclasses
import queue
import socket
import threading
import time
from collections.abc import Iterator

import zmq
from zmq.utils.monitor import recv_monitor_message

from rg_unit.errors import Code, Error
from rg_unit.keys import Keys

RECONNECT_MS, RECONNECT_MAX_MS, HANDSHAKE_MS, HEARTBEAT_MS, QUEUE, KEEPALIVE_S = 10, 250, 5000, 2000, 64, 20
REFUSED_S, AGAIN_S, AGAIN_ALONE_S, REPLICAS_MAX = 1.0, 2.0, 0.5, 16
REFUSALS = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "its key is not allowed there (rg-ctl keys list shows which keys are)",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "one side is encrypted, the other is not",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "the service hung up: does it have the same server.key, or no keys?",
}


@dataclasses.dataclass(frozen=True)
class Options:
    """message_max_mib: the largest frame sent or taken. keys: None leaves tcp unencrypted."""

    message_max_mib: int = 64
    insecure: bool = False
    keys: Keys | None = None
    heartbeat_ms: int = HEARTBEAT_MS


class Connection:
    """A DEALER socket to one endpoint and a monitor of its events. ZeroMQ connects again by itself.

    What a broken connection has taken is lost; nothing is handed to ZeroMQ before the next handshake succeeded.
    """

    def __init__(self, context: zmq.Context, endpoint: str, options: Options) -> None:
        self.endpoint, self.connected, self.refusal, self.retry_at = endpoint, False, "", 0.0
        self.probe = ""  # "due", "sent": the status request after a break
        self._socket = context.socket(zmq.DEALER)
        tcp = endpoint.startswith("tcp://")
        self._configure(options, tcp)
        # Over tcp a service that cannot read our key just hangs up.
        events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        events |= zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        self._monitor = self._socket.get_monitor_socket(events | (zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL if tcp else 0))
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise Error(Code.ECONFIG, f"{endpoint}: cannot connect: {error.strerror}") from None

    def _configure(self, options: Options, tcp: bool) -> None:
        own = self._socket
        own.linger, own.immediate, own.ipv6 = 0, 1, "[" in self.endpoint
        own.maxmsgsize, own.sndhwm, own.rcvhwm = options.message_max_mib << 20, QUEUE, 0
        own.handshake_ivl, own.reconnect_ivl, own.reconnect_ivl_max = HANDSHAKE_MS, RECONNECT_MS, RECONNECT_MAX_MS
        own.heartbeat_ivl = options.heartbeat_ms if tcp else 0  # a unix socket needs none (connection.c)
        own.heartbeat_timeout = own.heartbeat_ttl = 3 * options.heartbeat_ms
        own.tcp_keepalive, own.tcp_keepalive_idle, own.tcp_keepalive_intvl, own.tcp_keepalive_cnt = 1, KEEPALIVE_S, KEEPALIVE_S, 3
        if options.keys and tcp:
            options.keys.encrypt(own)

    def close(self) -> None:
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)

    def register(self, poller: zmq.Poller, sending: bool) -> None:
        poller.register(self._socket, zmq.POLLIN | (zmq.POLLOUT if sending and self.connected else 0))
        poller.register(self._monitor, zmq.POLLIN)

    def step(self) -> bool:
        """Follows the events since the last call. True: the connection broke, even if it is back already."""
        broke = False
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            self.connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            broke |= not self.connected
            if event != zmq.EVENT_DISCONNECTED:
                self.refusal = REFUSALS.get(event, "")
            if event in (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL):
                self.retry_at = time.monotonic() + REFUSED_S
        if self.retry_at and time.monotonic() >= self.retry_at:
            # ZeroMQ does not connect again after a refusal, but the key may be allowed by now.
            self.retry_at = 0.0
            self._socket.disconnect(self.endpoint)
            self._socket.connect(self.endpoint)
        return broke

    def send(self, frames: list[bytes]) -> bool:
        """False: the queue is full. After the first frame all others follow; ZeroMQ drops them if the connection breaks."""
        for i, frame in enumerate(frames):
            try:
                self._socket.send(frame, zmq.NOBLOCK | (zmq.SNDMORE if i + 1 < len(frames) else 0))
            except zmq.Again:
                if i == 0:
                    return False
        return True

    def receive(self) -> Iterator[list[bytes]]:
        """The messages that have come, frame by frame."""
        while True:
            try:
                yield self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return


class Lookup:
    """Finds the addresses of tcp://NAME:PORT; each is a replica of the service.

    A thread looks the name up every two seconds, or twice a second while no replica is connected.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port, self.failure = host, port, ""
        self._answers: queue.SimpleQueue[list[str] | str] = queue.SimpleQueue()
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._running, self._begun = False, float("-inf")

    def close(self) -> None:
        self._near.close()
        if not self._running:
            self._far.close()

    def _resolve(self) -> None:
        answer: list[str] | str
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            answer = [f"tcp://[{address[0]}]:{self._port}" if family == socket.AF_INET6 else f"tcp://{address[0]}:{self._port}"
                      for family, _, _, _, address in found][:REPLICAS_MAX]
        except OSError as error:
            answer = f"{self._host}: {error.strerror}"
        self._answers.put(answer)
        try:
            self._far.send(b".")
        except OSError:
            self._far.close()  # the link was closed meanwhile

    def step(self, connected: bool) -> list[str] | None:
        """Starts a lookup if one is due. The latest answer, or None if there is no new one."""
        found = self._take_answer() if self._running else None
        if not self._running and time.monotonic() >= self._due(connected):
            self._running, self._begun = True, time.monotonic()
            threading.Thread(target=self._resolve, daemon=True).start()
        return found

    def _take_answer(self) -> list[str] | None:
        try:
            self._near.recv(1)
        except BlockingIOError:
            return None
        answer, self._running = self._answers.get(), False
        self.failure = answer if isinstance(answer, str) else ""
        return None if isinstance(answer, str) else answer

    def _due(self, connected: bool) -> float:
        return self._begun + (AGAIN_S if connected else AGAIN_ALONE_S)

    def register(self, poller: zmq.Poller, connected: bool) -> float:
        """Also waits for an answer. When the next step is due."""
        poller.register(self._near.fileno(), zmq.POLLIN)
        return float("inf") if self._running else self._due(connected)
