"""The safetensors container: 8-byte little-endian header length, JSON header, raw little-endian tensors."""
import json
import struct

import numpy as np


def save(path, tensors):
    """tensors: name -> array, stored as f32 in insertion order."""
    header, blobs, end = {}, [], 0
    for name, value in tensors.items():
        blob = np.ascontiguousarray(value, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(np.shape(value)), "data_offsets": [end, end + len(blob)]}
        blobs.append(blob)
        end += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
