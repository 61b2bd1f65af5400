"""Hostile peers:  hostile.py ADDRESS KIND [COUNT]

Opens COUNT tcp connections to ADDRESS (127.0.0.1:PORT), at most 300 at a time, and each sends
  garbage   bytes that are not a ZMTP greeting
  half      a greeting, a handshake and the first half of a message, then nothing more
  deaf      100 list requests, whose replies it never reads
Prints how many connections were made. Only the standard library is used.
"""
import os
import select
import socket
import struct
import sys

AT_ONCE = 300
GREETING = b"\xff" + 8 * b"\0" + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + 31 * b"\0"
READY = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER" + b"\x08Identity" + struct.pack(">I", 0)
HANDSHAKE = GREETING + b"\x04" + bytes([len(READY)]) + READY


def half():
    """The header of a frame of 64 kB and half of the frame."""
    return HANDSHAKE + b"\x02" + struct.pack(">Q", 1 << 16) + os.urandom(1 << 15)


def deaf():
    """The handshake, then envelopes (proto/envelope.proto) with list-requests for 100 images, thumbnails and embeddings."""
    ask = b"\x10\x64\x20\x01\x28\x01"
    requests = [b"\x08\x01\x10" + bytes([i]) + b"\x9a\x04" + bytes([len(ask)]) + ask for i in range(1, 101)]
    return b"".join(b"\0" + bytes([len(r)]) + r for r in requests)


def send(peer, data):
    """Sends what the socket takes at once. The service may hang up, which is the right reaction."""
    peer.setblocking(False)
    try:
        while data:
            data = data[peer.send(data):]
    except OSError:
        pass


def shake_hands(peer):
    """Reads the other side's greeting and command, so that only answers remain to be read."""
    peer.sendall(HANDSHAKE)
    left = 64 + 2
    while left:
        head = peer.recv(left)
        if not head:
            return
        left -= len(head)
    peer.recv(head[-1])


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    kind, count = sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    payload = {"garbage": lambda: os.urandom(4096), "half": half, "deaf": deaf}[kind]
    peers, made = [], 0
    for _ in range(count):
        if len(peers) == AT_ONCE:
            peers.pop(0).close()
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(60)
        peer.connect((host, int(port)))
        peers.append(peer)
        made += 1
        if kind == "deaf":
            shake_hands(peer)
        send(peer, payload())
    if kind == "deaf":  # until an answer lies there for each, unread
        for peer in peers:
            select.select([peer], [], [], 60)
    print(made)


main()
