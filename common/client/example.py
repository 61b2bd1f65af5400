#!/usr/bin/python3
"""Asks the retrieval service by its messages alone (proto/search.proto), as any language can.

    common/client/example.py ipc://run/retrieval.ipc                     # random images
    common/client/example.py ipc://run/retrieval.ipc -k 5 0.3 -1.2 ...   # nearest to this embedding

Needs Debian's python3-zmq, python3-protobuf, python3-xxhash and protobuf-compiler.
"""
import argparse
import array
import pathlib
import subprocess
import sys
import tempfile

import xxhash
import zmq

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
TIMEOUT_MS = 10000

with tempfile.TemporaryDirectory() as folder:  # the Python classes of the messages
    subprocess.run(["protoc", "-I", PROTO, f"--python_out={folder}", *sorted(PROTO.glob("*.proto"))], check=True)
    sys.path.insert(0, folder)
    import envelope_pb2 as pb


def add_payload(request, frames, name, dtype, shape, data):
    """A raw frame after the envelope, which says what it is."""
    request.payloads.add(name=name, dtype=dtype, shape=shape, checksum=xxhash.xxh3_64_intdigest(data))
    frames.append(data)


def ask(socket, request, frames=()):
    """Sends one request and returns its reply. Answers carry the id of their request."""
    request.version, request.id = 1, 1
    socket.send_multipart([request.SerializeToString(), *frames])
    if not socket.poll(TIMEOUT_MS):
        sys.exit(f"no answer from {socket.get_string(zmq.LAST_ENDPOINT)} within {TIMEOUT_MS} ms")
    reply = pb.Envelope.FromString(socket.recv_multipart()[0])
    if reply.WhichOneof("body") == "error":
        sys.exit(f"server: {reply.error.sentence}")
    return reply


def search(socket, model, options):
    request, frames = pb.Envelope(), []
    body = request.search_request
    body.model, body.k, body.queries = model, options.k, 1
    body.random, body.seed = not options.embedding, options.seed
    if options.embedding:
        floats = array.array("f", options.embedding)
        add_payload(request, frames, "queries", pb.F32, [1, len(floats)], floats.tobytes())
    if options.exclude:
        add_payload(request, frames, "exclude", pb.U8, [1, 16], bytes.fromhex(options.exclude))
    return ask(socket, request, frames).search_reply


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoint")
    parser.add_argument("embedding", nargs="*", type=float, help="what to look for; none: random images")
    parser.add_argument("-k", type=int, default=3, help="images to find")
    parser.add_argument("--exclude", metavar="ID", help="32 hex digits of an image not to find")
    parser.add_argument("--seed", type=int, default=1, help="of random images")
    options = parser.parse_intermixed_args()
    socket = zmq.Context().socket(zmq.DEALER)
    socket.linger = 0
    socket.connect(options.endpoint)
    request = pb.Envelope()
    request.status_request.SetInParent()
    status = {field.key: field.value for field in ask(socket, request).status_reply.fields}
    print(f"{status['images']} images of model {status['model']}, D = {status['dimension']}")
    for found in search(socket, status["model"], options).neighbours:
        if found.id:
            print(f"{found.id.hex()} {found.dist_l2sq:.4f} {found.name}")


main()
