"""A link sends requests to one service and takes its replies.

The life of a request, as in common/wire/link.c, which is the reference:

    ask ──► unsent ──► sent to one replica ──reply──► returned
              ▲  │            │
              │  │            └─ the connection breaks, or the replica's address disappears
              └──┼────────────────┘
                 └─ the deadline passes ──► ETIMEOUT

A service that loads or is busy answers that it cannot take the request yet: it becomes unsent again for as long as the
service says. A connection that breaks may have lost the request, so the request goes out again; therefore all requests
are idempotent. A reply is known by its id; a reply to an earlier request, which was given up, is dropped.

A request may be what ends its service. So after a break it is a suspect: when the service can be reached again, it is
asked for its status. If it has run since before the request was sent, only the connection broke. Otherwise the suspect
goes out after a random moment, so that the suspects of other clients go out at other moments. If the connection of a
suspect breaks again, it ends with ECRASH and is not sent a third time.

A link has one request open at a time, and no thread but the one that looks up a host name. It waits in poll() for the
next event or deadline.
"""
from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Mapping

import numpy as np
import zmq

from rg_unit import endpoint as endpoints
from rg_unit import message
from rg_unit.connection import Connection, Lookup, Options
from rg_unit.errors import Code, Error
from rg_unit.proto import envelope_pb2 as pb

AGAIN_MAX_S, SUSPECT_WAIT_S = 10.0, 1.0
PROBE_ID = 2**64 - 1  # of the status requests of the link itself
HARMLESS = ("status_request", "stats_request")  # these end no service


class Request:
    """A request without its reply."""

    def __init__(self, kind: str, frames: list[bytes], number: int, timeout_s: float | None) -> None:
        self.kind, self.frames, self.number, self.timeout_s = kind, frames, number, timeout_s
        self.deadline = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        self.sent: Connection | None = None
        self.sent_at = 0.0
        self.broke_on: Connection | None = None  # a connection that had it and broke: it is a suspect
        self.again_at = 0.0  # not sent before
        self.reason = ""  # why the service did not take it yet


def check(endpoint: str, options: Options) -> endpoints.Endpoint:
    """ECONFIG: an endpoint that is malformed, or open to everyone."""
    parsed = endpoints.parse(endpoint)
    if not parsed.path and not parsed.is_loopback and not options.keys and not options.insecure:
        raise Error(Code.ECONFIG, f"{endpoint}: beyond loopback this socket is open to everyone; keys guard it (rg-ctl keys), "
                                  "insecure=True (endpoints.insecure: true) accepts that")
    return parsed


class Link:
    """peer: the name of the service in errors. Errors of check()."""

    def __init__(self, context: zmq.Context, peer: str, endpoint: str, options: Options) -> None:
        self.peer, self.endpoint, self._context, self._options = peer, endpoint, context, options
        self._frame_max = options.message_max_mib << 20
        parsed = check(endpoint, options)
        self._lookup = Lookup(parsed.host, parsed.port) if parsed.is_name else None
        self._replicas = [] if self._lookup else [Connection(context, endpoint, options)]
        self._last = 0
        self._numbers = itertools.count(1)
        self._lock, self._process = threading.Lock(), os.getpid()
        self._closed = False

    def close(self) -> None:
        self._closed = True
        if self._lookup:
            self._lookup.close()
        for replica in self._replicas:
            replica.close()

    def ask(self, envelope: pb.Envelope, arrays: Mapping[str, np.ndarray] | None = None, *, reply: str,
            timeout_s: float | None) -> message.Message:
        """Sends a request and waits for its reply, which must be of this kind: "search_reply".

        timeout_s: None waits for ever. Threads take turns. ETIMEOUT, ECRASH, ELIMIT, EFORMAT, or the service's error.
        """
        if os.getpid() != self._process:
            raise Error(Code.EINVAL, "this client was opened before fork(): open another one in the new process")
        with self._lock:
            if self._closed:
                raise Error(Code.EINVAL, "this client is closed")
            number = next(self._numbers)
            frames = message.pack(envelope, arrays or {}, number, self._frame_max)
            answer = self._exchange(Request(str(envelope.WhichOneof("body")), frames, number, timeout_s))
        if answer.kind == "error":
            raise message.failure(self.peer, answer)
        if answer.kind != reply:
            raise Error(Code.EFORMAT, f"{self.peer}: a reply of another kind ({answer.kind}, not {reply})")
        return answer

    def _exchange(self, request: Request) -> message.Message:
        while True:
            self._follow(request)
            self._send(request)
            answer = self._receive(request)
            if answer:
                return answer
            if time.monotonic() >= request.deadline:
                raise self._overdue(request)
            self._wait(request)

    # ---- connections

    def _follow(self, request: Request) -> None:
        for replica in self._replicas:
            if replica.step():
                self._break(request, replica)
            if replica.connected and replica.probe == "due":
                probe = message.pack(message.new("status_request"), {}, PROBE_ID, self._frame_max)
                replica.probe = "sent" if replica.send(probe) else "due"
        found = self._lookup.step(any(replica.connected for replica in self._replicas)) if self._lookup else None
        if found is not None:
            self._change_replicas(request, found)

    def _break(self, request: Request, replica: Connection) -> None:
        if replica.probe == "sent":
            replica.probe = "due"
        if request.sent is not replica:
            return
        request.sent = None
        if request.kind in HARMLESS:
            return
        if request.broke_on:
            raise Error(Code.ECRASH, f"{self.peer} ({replica.endpoint}): the connection broke twice while this request was open, "
                                     "which may be the reason; it is not sent again")
        request.broke_on, replica.probe = replica, "due"
        request.again_at = time.monotonic() + random.uniform(0, SUSPECT_WAIT_S)

    def _change_replicas(self, request: Request, found: list[str]) -> None:
        for replica in [replica for replica in self._replicas if replica.endpoint not in found]:
            self._replicas.remove(replica)
            replica.close()
            if request.sent is replica:
                request.sent = None
        known = [replica.endpoint for replica in self._replicas]
        self._replicas += [Connection(self._context, text, self._options) for text in found if text not in known]

    # ---- sending and receiving

    def _takers(self, request: Request) -> list[Connection]:
        """The replicas that the request may go to now. They take turns; a suspect waits for the status."""
        if request.sent or time.monotonic() < request.again_at:
            return []
        turns = self._replicas[self._last + 1 :] + self._replicas[: self._last + 1]
        return [replica for replica in turns if replica.connected and not (request.broke_on and replica.probe)]

    def _send(self, request: Request) -> None:
        for replica in self._takers(request):
            if replica.send(request.frames):
                request.sent, request.sent_at = replica, time.monotonic()
                self._last = self._replicas.index(replica)
                return

    def _receive(self, request: Request) -> message.Message | None:
        for replica in self._replicas:
            for frames in replica.receive():
                try:
                    answer = message.parse(frames)
                except Error as error:
                    if message.number_of(frames) == request.number:
                        raise Error(error.code, f"{self.peer}: bad reply: {error}") from None
                    continue
                if answer.envelope.id == PROBE_ID:
                    self._take_probe(request, replica, answer)
                elif answer.envelope.id == request.number and not self._postpone(request, answer):
                    return answer
        return None

    def _take_probe(self, request: Request, replica: Connection, answer: message.Message) -> None:
        """What the service has outlived did not end it."""
        replica.probe = ""
        if answer.kind != "status_reply" or request.broke_on is not replica or request.sent:
            return
        if time.monotonic() - answer.envelope.status_reply.uptime_s < request.sent_at:
            request.broke_on, request.again_at = None, 0.0

    def _postpone(self, request: Request, answer: message.Message) -> bool:
        """Whether the reply says that the service cannot take the request yet."""
        again_s = answer.envelope.error.again_ms / 1000 if answer.kind == "error" else 0
        if again_s:
            request.sent, request.reason = None, answer.envelope.error.sentence
            request.again_at = time.monotonic() + min(again_s, AGAIN_MAX_S)
        return again_s > 0

    # ---- waiting

    def _wait(self, request: Request) -> None:
        poller = zmq.Poller()
        sending = bool(self._takers(request))
        for replica in self._replicas:
            replica.register(poller, sending)
        times = [request.deadline, *(replica.retry_at for replica in self._replicas if replica.retry_at)]
        if not request.sent and request.again_at > time.monotonic():
            times.append(request.again_at)
        if self._lookup:
            times.append(self._lookup.register(poller, any(replica.connected for replica in self._replicas)))
        left = min(times) - time.monotonic()
        poller.poll(None if left == float("inf") else max(0, int(left * 1000) + 1))

    def _overdue(self, request: Request) -> Error:
        refusals = [replica.refusal for replica in self._replicas if replica.refusal]
        if request.reason:
            why = request.reason
        elif refusals:
            why = refusals[0]
        elif self._lookup and self._lookup.failure:
            why = self._lookup.failure
        elif any(replica.connected for replica in self._replicas):
            why = "it is connected, but still at work; a larger timeout_s waits longer"
        else:
            why = "is it running? (rg-ctl up starts it)"
        return Error(Code.ETIMEOUT, f"{self.peer} ({self.endpoint}): no answer within {request.timeout_s:g} s: {why}")
