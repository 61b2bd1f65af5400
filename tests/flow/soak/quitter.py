"""A retrieval service that ends whenever it is asked for its model:  quitter.py PATH TIMES

PATH is its unix socket. It answers status requests, and ends TIMES times. Then the path is free.
"""
import sys

import zmq

from messages import pack, pb


def serve_once(context, path):
    """Until a model request comes."""
    socket = context.socket(zmq.ROUTER)
    socket.linger = 0
    socket.bind(f"ipc://{path}")
    while True:
        sender, first, *_ = socket.recv_multipart()
        request = pb.Envelope.FromString(first)
        if request.WhichOneof("body") == "model_request":
            break
        status = pb.Envelope(status_reply={"service": "retrieval", "state": "ready"})
        socket.send_multipart([sender, *pack(status, number=request.id)])
    socket.close()


def main():
    context = zmq.Context()
    for _ in range(int(sys.argv[2])):
        serve_once(context, sys.argv[1])
    context.term()


main()
