"""Reads frames of a ring in shared memory: read-only, without a copy but of the rows that are looked at.

The layout is contract 2, docs/design/contracts.md. The second look at the slot's sequence tells whether the writer came
by meanwhile; on ARM it also needs a memory fence, which Python does not have: x86 only.
"""
import mmap
import os
import re
import stat
import struct

STEP = 8  # every eighth pixel of every eighth row
HEADER_BYTES, SLOT_HEADER_BYTES, LIVE = 4096, 128, 1
FORMATS = {1: "NV12", 2: "I420"}
NAME = re.compile(r"vas_frames_[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class RingError(Exception):
    """Why there is no frame: a code of the contract, and a sentence for a person."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


def open_ring(reference, ring_directory):
    """A descriptor of a regular file inside the directory. Only the name is taken from outside; links are not followed."""
    directory, name = os.path.split(reference)
    if not NAME.fullmatch(name):
        raise RingError("frame_unreadable", f"{reference!r} is no frame reference")
    if directory != ring_directory and (".." in directory.split("/") or os.path.realpath(directory) != os.path.realpath(ring_directory)):
        raise RingError("frame_unreadable", f"{reference!r} lies outside {ring_directory}")
    try:
        descriptor = os.open(os.path.join(ring_directory, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RingError("frame_not_found", f"{reference!r} does not exist") from None
    except OSError as error:
        raise RingError("frame_unreadable", f"{reference!r} cannot be opened: {error.strerror}") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise RingError("frame_unreadable", f"{reference!r} is not a regular file")


def look(reference, metadata, ring_directory, roi=None):
    """Luma of a frame, thinned by STEP: rows of bytes, their width and height, and the area [x_min, y_min, x_max, y_max] of the frame that they show."""
    if metadata.get("format", "NV12").upper() not in FORMATS.values():
        raise RingError("unsupported_format", f"frame_metadata.format {metadata['format']!r} cannot be read; known: NV12, I420")
    descriptor = open_ring(reference, ring_directory)
    try:
        size = os.fstat(descriptor).st_size
        if size < HEADER_BYTES:
            raise RingError("frame_unreadable", f"{reference!r} is too short for a ring")
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as ring:
            return read_frame(ring, size, reference, metadata, roi)
    finally:
        os.close(descriptor)


def read_frame(ring, size, reference, metadata, roi):
    magic, version, header_bytes, slots, slot_header_bytes, stride, _generation, state = struct.unpack_from("<8sIIIIQQI", ring, 0)
    head, = struct.unpack_from("<Q", ring, 64)
    if magic != b"VASFRAME" or version != 1 or header_bytes != HEADER_BYTES or slot_header_bytes != SLOT_HEADER_BYTES or slots == 0 or HEADER_BYTES + slots * stride > size:
        raise RingError("frame_unreadable", f"{reference!r} is no frame ring of version 1")
    frame_id = metadata["frame_id"]
    if state != LIVE or frame_id >= head:
        raise RingError("frame_not_found", f"{reference!r} does not hold frame {frame_id}" + (" yet" if state == LIVE else ": its writer is gone"))
    overwritten = RingError("frame_overwritten", f"frame {frame_id} of {reference!r} has been overwritten by a newer one")
    if frame_id < head - slots:
        raise overwritten
    slot = HEADER_BYTES + frame_id % slots * stride
    sequence, format_code, stored_id = struct.unpack_from("<IIQ", ring, slot)
    width, height = struct.unpack_from("<II", ring, slot + 32)
    offset, row_bytes = struct.unpack_from("<II", ring, slot + 64)
    if sequence % 2 == 1 or stored_id != frame_id:
        raise overwritten
    if row_bytes < width or offset + row_bytes * height > stride:
        raise RingError("frame_unreadable", f"{reference!r}: the slot of frame {frame_id} contradicts itself")
    for key, stored in (("width", width), ("height", height), ("format", FORMATS.get(format_code))):
        if str(metadata.get(key, stored)).upper() != str(stored):
            raise RingError("bad_request", f"frame_metadata.{key} is {metadata[key]}; the ring says {stored}")
    left, top, right, bottom = (0, 0, width, height) if roi is None else (int(roi[0] * width), int(roi[1] * height), max(1, round(roi[2] * width)), max(1, round(roi[3] * height)))
    left, top = min(left, right - 1), min(top, bottom - 1)
    rows = [ring[start + left:start + right:STEP] for start in range(slot + offset + top * row_bytes, slot + offset + bottom * row_bytes, STEP * row_bytes)]
    if struct.unpack_from("<I", ring, slot)[0] != sequence:
        raise overwritten
    return rows, right - left, bottom - top, (left / width, top / height, right / width, bottom / height)
