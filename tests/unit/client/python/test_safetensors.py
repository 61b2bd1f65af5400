"""Checkpoint files: every range is checked before anything is read, and checksums find what has changed."""
import json
import pathlib
import random
import tempfile

import numpy as np
import xxhash

from fails import Case
from rg_unit.errors import Code, Error
from rg_unit.safetensors import File

DATA = np.arange(6, dtype="<f4")
MARK = '"checksums":"xxh3-64 '


def header(**changes):
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}
    return {"__metadata__": {"stage": "stage1"}, "a": entry}


def packed(fields):
    text = fields if isinstance(fields, bytes) else json.dumps(fields, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + DATA.tobytes()


def signed():
    """As common/model/safetensors.c writes it."""
    fields = header()
    fields["__metadata__"] = {"checksums": f"xxh3-64 {0:016x} a={xxhash.xxh3_64_hexdigest(DATA.tobytes())}", "stage": "stage1"}
    text = json.dumps(fields, separators=(",", ":"))
    before = text.index(MARK) + len(MARK)
    seed = xxhash.xxh3_64_intdigest(text[:before])
    return packed((text[:before] + xxhash.xxh3_64_hexdigest(text[before + 16 :], seed) + text[before + 16 :]).encode())


class TestFile(Case):
    def setUp(self):
        self.path = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())) / "x.safetensors"

    def read(self, content, name="a"):
        self.path.write_bytes(content)
        return File(self.path).read(name)

    def refused(self, code, sentence, content, name="a"):
        self.fails(code, sentence, self.read, content, name)

    def test_a_tensor_is_read(self):
        for content in packed(header()), signed():
            np.testing.assert_array_equal(self.read(content), DATA.reshape(2, 3))
        self.assertEqual(File(self.path).metadata["stage"], "stage1")

    def test_what_does_not_fit_is_refused(self):
        for content, sentence in (
            (b"", "empty file"),
            (b"1234567", "not a safetensors file (7 bytes)"),
            (packed(header())[:40], "cut short"),
            (packed(b"[]"), "not a JSON object"),
            (packed(b"{x"), "not a JSON object"),
            (packed(b'{"__metadata__":3}'), "not a JSON object"),
            (packed(b"[" * 100000), "not a JSON object"),
            (packed({"a": 3}), "malformed entry of tensor a"),
            (packed(header(data_offsets=[0, 28])), "does not fit"),
            (packed(header(data_offsets=[8, 24])), "does not fit"),
            (packed(header(shape=[-2, -3])), "does not fit"),
            (packed(header(data_offsets=[0])), "malformed"),
            (packed(header(shape=[2**40, 2**40], data_offsets=[0, 24])), "does not fit"),
            (packed(header())[:-1], "does not fit"),
        ):
            self.refused(Code.EFORMAT, sentence, content)
        self.refused(Code.ELIMIT, "more than", (1 << 40).to_bytes(8, "little") + bytes(100))
        self.refused(Code.EMODEL, "no tensor b", packed(header()), "b")
        self.refused(Code.EMODEL, "is F16 of 1 dimensions", packed(header(dtype="F16", shape=[12])))

    def test_damaged_files_are_refused_or_read(self):
        draw, refused = random.Random(1), 0
        for whole in packed(header()), signed():
            for _ in range(500):
                damaged = bytearray(whole)
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
                try:
                    self.read(bytes(damaged))
                except Error:
                    refused += 1
        self.assertGreater(refused, 500)

    def test_what_has_changed_is_found(self):
        whole = signed()
        self.refused(Code.EFORMAT, "tensor a differs from its checksum", whole[:-1] + bytes([whole[-1] ^ 1]))
        self.refused(Code.EFORMAT, "the header differs from its checksum", whole.replace(b"stage1", b"stage2"))
        self.refused(Code.EFORMAT, "the header differs from its checksum", whole.replace(b"xxh3-64 ", b"xxh3-65 "))
