#!/usr/bin/env python3
"""A model container in Python 3, standard library only: finds bright spots. See README.md.

    container.py [--model-id bright] [--socket-directory /tmp] [--ring-directory /dev/shm]

One thread for each connection reads requests and writes answers; one worker thread looks at frames, behind a bounded
queue. What goes wrong is an answer with a code, never a silent close, and never an empty list without an error.
"""
import argparse
import json
import os
import queue
import select
import signal
import socket
import stat
import struct
import sys
import threading
import time

from bright_spots import CLASS_NAME, bright_spots
from ring import RingError, look

MAX_MESSAGE_BYTES = 10 * 1024 * 1024
MAX_CONNECTIONS, MAX_WAITING = 1000, 16
MESSAGE_LIMIT_S, STOP_LIMIT_S, CANARY_INTERVAL_S = 10, 3, 10
ID_CHARACTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


class Refused(Exception):
    """A request that gets an error response: code, and a sentence for a person."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


def number(value, low, high):
    return type(value) in (int, float) and low <= value <= high


def whole(value, low, high):
    return type(value) is int and low <= value <= high


def identifier(value):
    return isinstance(value, str) and 1 <= len(value) <= 63 and value[0] not in "._-" and set(value) <= ID_CHARACTERS


def box(value):
    return isinstance(value, list) and len(value) == 4 and all(number(v, 0, 1) for v in value) and value[0] < value[2] and value[1] < value[3]


# Key, is it right, what would be. Keys that are not named here are ignored.
REQUEST = [
    ("frame_reference", lambda v: isinstance(v, str) and v != "", "the path of a frame ring"),
    ("frame_metadata", lambda v: isinstance(v, dict), "an object"),
    ("camera_id", identifier, "1 to 63 letters, digits, '.', '_' or '-'"),
    ("model_id", identifier, "1 to 63 letters, digits, '.', '_' or '-'"),
]
FRAME_METADATA = [("frame_id", lambda v: whole(v, 0, 2**53), "a whole number from 0")]
FRAME_METADATA_OPTIONAL = [
    ("width", lambda v: whole(v, 1, 16384), "1 to 16384"),
    ("height", lambda v: whole(v, 1, 16384), "1 to 16384"),
    ("format", lambda v: isinstance(v, str), "NV12 or I420"),
    ("timestamp", lambda v: number(v, -1e18, 1e18), "seconds"),
]
REQUEST_OPTIONAL = [("timestamp", lambda v: number(v, -1e18, 1e18), "seconds"), ("config", lambda v: isinstance(v, dict), "an object")]
CONFIG_OPTIONAL = [
    ("confidence_threshold", lambda v: number(v, 0, 1), "0 to 1"),
    ("iou_threshold", lambda v: number(v, 0, 1), "0 to 1"),
    ("classes", lambda v: isinstance(v, list) and all(name == CLASS_NAME for name in v), f"a list of classes; this model knows {CLASS_NAME}"),
    ("max_detections", lambda v: whole(v, 1, 10000), "1 to 10000"),
    ("roi", box, "[x_min, y_min, x_max, y_max], 0 to 1"),
    ("deadline_ms", lambda v: number(v, 0, 600000) and v > 0, "above 0, at most 600000"),
]


def check(value, where, rules, optional=()):
    for key, right, wanted in [*rules, *(rule for rule in optional if rule[0] in value)]:
        if key not in value:
            raise Refused("bad_request", f"{where}{key} is missing; it must be {wanted}")
        if not right(value[key]):
            raise Refused("bad_request", f"{where}{key} must be {wanted}, not {json.dumps(value[key])[:60]}")


class Container:
    def __init__(self, model_id, ring_directory):
        self.model_id, self.ring_directory = model_id, ring_directory
        self.jobs = queue.Queue(MAX_WAITING)
        self.stopping = False
        self.started = self.canary = time.monotonic()
        self.changed = threading.Condition()
        self.connections = set()
        self.counters = {"requests": 0, "failed": 0}
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        """The worker: looks at one frame after the other; in quiet times at a picture whose answer is known."""
        while True:
            try:
                job = self.jobs.get(timeout=CANARY_INTERVAL_S)
            except queue.Empty:
                if len(bright_spots([bytes(8) + b"\xff" * 8] * 8, 16, 8)) == 1:
                    self.canary = time.monotonic()
                continue
            try:
                job["result"] = self.infer(job)
                self.canary = time.monotonic()
            except Refused as error:
                job["error"] = error
            except Exception as error:
                job["error"] = Refused("inference_failed", f"the model failed: {error!r}")
            job["done"].set()

    def infer(self, job):
        request, config = job["request"], job["request"].get("config", {})
        began = time.monotonic()
        if began > job["deadline"]:
            raise Refused("deadline_exceeded", f"the deadline of {config['deadline_ms']} ms passed before the worker was free")
        try:
            rows, width, height, area = look(request["frame_reference"], request["frame_metadata"], self.ring_directory, config.get("roi"))
        except RingError as error:
            raise Refused(error.code, str(error)) from error
        looked = time.monotonic()
        spots = bright_spots(rows, width, height, area)
        spots = [spot for spot in spots if spot["confidence"] >= config.get("confidence_threshold", 0.25)][:config.get("max_detections", 100)]
        if "classes" in config and CLASS_NAME not in config["classes"]:
            spots = []
        return {
            "model_id": self.model_id, "camera_id": request["camera_id"], "frame_id": request["frame_metadata"]["frame_id"], "detections": spots,
            "metadata": {
                "inference_time_ms": (time.monotonic() - looked) * 1000, "preprocess_ms": (looked - began) * 1000,
                "queue_ms": (began - job["queued"]) * 1000, "batch_size": 1, "device": "cpu",
            },
            "error": None,
        }

    def answer(self, message):
        try:
            if not isinstance(message, dict):
                raise Refused("bad_request", "a request is a JSON object")
            kind = message.get("type", "infer")
            if kind == "describe":
                return self.describe()
            if kind == "health":
                return self.health()
            self.counters["requests"] += 1
            if kind != "infer":
                raise Refused("bad_request", f"type {json.dumps(kind)[:60]} is not known; known: infer, describe, health")
            check(message, "", REQUEST, REQUEST_OPTIONAL)
            check(message["frame_metadata"], "frame_metadata.", FRAME_METADATA, FRAME_METADATA_OPTIONAL)
            config = message.get("config", {})
            check(config, "config.", [], CONFIG_OPTIONAL)
            if message["model_id"] != self.model_id:
                raise Refused("wrong_model", f"this is the container of {self.model_id}, not of {message['model_id']}")
            if self.stopping:
                raise Refused("shutting_down", "the container is stopping")
            now = time.monotonic()
            deadline = now + config["deadline_ms"] / 1000 if "deadline_ms" in config else float("inf")
            job = {"request": message, "queued": now, "deadline": deadline, "done": threading.Event()}
            try:
                self.jobs.put_nowait(job)
            except queue.Full:
                raise Refused("overloaded", f"{MAX_WAITING} requests wait already, which is the limit") from None
            job["done"].wait()
            if "error" in job:
                raise job["error"]
            return job["result"]
        except Refused as error:
            self.counters["failed"] += 1
            return self.refusal(error, message)

    def refusal(self, error, message=None):
        message = message if isinstance(message, dict) else {}
        metadata = message.get("frame_metadata")
        camera_id, frame_id = message.get("camera_id"), metadata.get("frame_id") if isinstance(metadata, dict) else None
        return {
            "model_id": self.model_id, "camera_id": camera_id if identifier(camera_id) else None, "frame_id": frame_id if whole(frame_id, 0, 2**53) else None,
            "detections": [], "metadata": {}, "error": str(error), "error_code": error.code,
        }

    def describe(self):
        return {
            "model_id": self.model_id, "model_name": "Bright spots", "model_version": "1.0.0", "supported_tasks": ["detect"], "classes": [CLASS_NAME],
            "keypoint_names": [], "skeleton": [], "input": {"width": 240, "height": 135}, "device": "cpu",
            "versions": {"protocol": "1", "python": sys.version.split()[0]}, "limits": {"max_concurrency": 1, "max_batch": 1},
        }

    def health(self):
        age_s = time.monotonic() - self.canary
        status = "stopping" if self.stopping else "ready" if age_s < 3 * CANARY_INTERVAL_S else "degraded"
        counters = {**self.counters, "queued": self.jobs.qsize(), "connections": len(self.connections)}
        return {"model_id": self.model_id, "status": status, "last_canary_age_ms": age_s * 1000, "uptime_ms": (time.monotonic() - self.started) * 1000, "counters": counters}

    def serve(self, connection):
        """One client, for as long as it likes; one request at a time."""
        try:
            while (prefix := receive(connection, 4, None)) is not None:
                (length,) = struct.unpack(">I", prefix)
                if not 1 <= length <= MAX_MESSAGE_BYTES:
                    send(connection, self.refusal(Refused("bad_request", f"a message of {length} bytes is not allowed; 1 to {MAX_MESSAGE_BYTES} are")))
                    break
                body = receive(connection, length, time.monotonic() + MESSAGE_LIMIT_S)
                if body is None:
                    break
                try:
                    answer = self.answer(json.loads(body.decode("utf-8")))
                except (ValueError, RecursionError) as error:
                    answer = self.refusal(Refused("bad_request", f"the message is not JSON in UTF-8, or too deep: {error}"))
                send(connection, answer)
            hang_up(connection)
        except OSError:
            pass  # the client went away, stalled, or does not take its answer
        finally:
            self.forget(connection)

    def accept(self, listener, stop):
        """Until `stop` can be read; a client that had connected by then is still taken in."""
        listener.setblocking(False)
        while True:
            stopped = stop in select.select([listener, stop], [], [])[0]
            try:
                while True:
                    self.admit(listener.accept()[0])
            except BlockingIOError:
                if stopped:
                    return

    def admit(self, connection):
        with self.changed:
            self.connections.add(connection)
            full = len(self.connections) > MAX_CONNECTIONS
        threading.Thread(target=self.turn_away if full else self.serve, args=(connection,), daemon=True).start()

    def turn_away(self, connection):
        try:
            send(connection, self.refusal(Refused("overloaded", f"{MAX_CONNECTIONS} connections are open, which is the limit")))
            hang_up(connection)
        except OSError:
            pass
        finally:
            self.forget(connection)

    def forget(self, connection):
        with self.changed:
            connection.close()
            self.connections.discard(connection)
            self.changed.notify_all()

    def stop(self):
        """What was sent before has an answer: of jobs their own, else "shutting_down". Then every connection ends."""
        self.stopping = True
        with self.changed:
            for connection in self.connections:
                connection.shutdown(socket.SHUT_RD)  # what lies in it is still read, then comes the end
            self.changed.wait_for(lambda: not self.connections, STOP_LIMIT_S)


def receive(connection, length, deadline):
    """So many bytes; None where the client closed. Waits for the first for as long as it takes where there is no deadline."""
    data = bytearray()
    while len(data) < length:
        if data and deadline is None:
            deadline = time.monotonic() + MESSAGE_LIMIT_S
        connection.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
        chunk = connection.recv(min(length - len(data), 1 << 20))
        if not chunk:
            return None
        data += chunk
    return bytes(data)


def send(connection, answer):
    body = json.dumps(answer).encode()
    connection.settimeout(MESSAGE_LIMIT_S)
    connection.sendall(struct.pack(">I", len(body)) + body)


def hang_up(connection):
    """Ends our half and reads on for a moment: closing with bytes unread could cost the client its answer."""
    connection.shutdown(socket.SHUT_WR)
    until = time.monotonic() + 1
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(1 << 16):
            return


def listen(path):
    """Removes a stale socket; never takes over a live one, nor anything that is no socket."""
    if os.path.lexists(path):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            sys.exit(f"{path} is not a socket; it is left alone")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                probe.connect(path)
                owner = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            sys.exit(f"{path} is in use by process {owner}")
        except ConnectionRefusedError:
            os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)  # the socket has mode 0600 from its first moment
    listener.bind(path)
    os.umask(mask)
    listener.listen(1024)
    return listener


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-id", default="bright")
    parser.add_argument("--socket-directory", default="/tmp")
    parser.add_argument("--ring-directory", default="/dev/shm")
    options = parser.parse_args()
    if not identifier(options.model_id):
        parser.error("--model-id must be 1 to 63 letters, digits, '.', '_' or '-'")
    threading.stack_size(256 * 1024)  # a thread waits for each client
    path = f"{options.socket_directory}/vas_model_{options.model_id}.sock"
    listener = listen(path)
    container = Container(options.model_id, options.ring_directory)
    stop, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.set_wakeup_fd(signalled.fileno())
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    print(json.dumps({"msg": "ready", "socket": path}), flush=True)
    try:
        container.accept(listener, stop)
    finally:
        os.unlink(path)
        listener.close()
        container.stop()


if __name__ == "__main__":
    main()
