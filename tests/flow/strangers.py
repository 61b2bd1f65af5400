"""Peers without a key that attack the bytes of the handshake:  strangers.py ADDRESS KIND COUNT [MIB]

Opens COUNT tcp connections to ADDRESS (127.0.0.1:PORT) at the same time, and each sends what the socket takes of
  silent     nothing
  greeting   a CURVE greeting, then nothing more
  hello      a CURVE greeting, then a command of MIB in place of HELLO
  initiate   a CURVE greeting, a command of the size of HELLO, then a command of MIB
  frame      a handshake without encryption, then all but the last byte of a frame of MIB
until the service has hung up on all of them. Prints how many bytes were sent. Only the standard library is used.
"""
import os
import selectors
import socket
import struct
import sys

CHUNK = 1 << 16
FRAME, COMMAND = b"\x02", b"\x06"


def greeting(mechanism):
    return b"\xff" + 7 * b"\0" + b"\x01\x7f\x03\x01" + mechanism.ljust(20, b"\0") + 32 * b"\0"


def payload(kind, size):
    """What the kind sends before the bytes of its large frame, and the number of these bytes."""
    hello = b"\x04" + bytes([200]) + b"\x05HELLO" + os.urandom(194)
    ready = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
    large = struct.pack(">Q", size)
    return {
        "silent": (b"", 0),
        "greeting": (greeting(b"CURVE"), 0),
        "hello": (greeting(b"CURVE") + COMMAND + large + b"\x05HELLO", size),
        "initiate": (greeting(b"CURVE") + hello + COMMAND + large + b"\x08INITIATE", size),
        "frame": (greeting(b"NULL") + b"\x04" + bytes([len(ready)]) + ready + FRAME + large, size - 1),
    }[kind]


class Stranger:
    def __init__(self, address, begin, size):
        self.socket = socket.create_connection(address)
        self.socket.setblocking(False)
        self.rest, self.size, self.sent = begin, size, 0

    def send(self):
        """Sends once. False: there is nothing more to send."""
        if not self.rest and self.size:
            self.rest = bytes(min(CHUNK, self.size))
            self.size -= len(self.rest)
        if not self.rest:
            return False
        n = self.socket.send(self.rest)
        self.rest = self.rest[n:]
        self.sent += n
        return True


def serve(selector, key, events):
    """False: the service has hung up."""
    try:
        if events & selectors.EVENT_WRITE and not key.data.send():
            selector.modify(key.data.socket, selectors.EVENT_READ, key.data)
        return not events & selectors.EVENT_READ or key.data.socket.recv(CHUNK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    begin, size = payload(sys.argv[2], int(float(sys.argv[4]) * (1 << 20)) if len(sys.argv) > 4 else 0)
    selector, sent = selectors.DefaultSelector(), 0
    for _ in range(int(sys.argv[3])):
        stranger = Stranger((host, int(port)), begin, size)
        selector.register(stranger.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, stranger)
    while selector.get_map():
        for key, events in selector.select():
            if not serve(selector, key, events):
                selector.unregister(key.data.socket)
                key.data.socket.close()
                sent += key.data.sent
    print(sent)


main()
