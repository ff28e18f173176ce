#!/usr/bin/env python3
"""Asks a model container about one frame: connect, one request, one answer, close. Python 3, standard library only.

    client.py SOCKET RING FRAME_ID CAMERA_ID MODEL_ID
"""
import json
import socket
import struct
import sys


def receive(connection, length):
    data = b""
    while len(data) < length:
        chunk = connection.recv(length - len(data))
        if not chunk:
            sys.exit("the container closed the connection")
        data += chunk
    return data


if len(sys.argv) != 6:
    sys.exit(__doc__)
path, ring, frame_id, camera_id, model_id = sys.argv[1:]
request = {"frame_reference": ring, "frame_metadata": {"frame_id": int(frame_id)}, "camera_id": camera_id, "model_id": model_id}
body = json.dumps(request).encode()
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
    connection.settimeout(10)
    connection.connect(path)
    connection.sendall(struct.pack(">I", len(body)) + body)
    (length,) = struct.unpack(">I", receive(connection, 4))
    print(json.dumps(json.loads(receive(connection, length)), indent=2))
