"""Messages: what is packed can be parsed, and what does not fit is refused."""
import pathlib
import random
import re

import numpy as np

from fails import Case
from rg_unit import message
from rg_unit.errors import Code, Error
from rg_unit.proto import envelope_pb2 as pb

ROOT = pathlib.Path(__file__).resolve().parents[4]
ARRAYS = {"a": np.arange(6, dtype="<f4").reshape(2, 3), "b": np.ones((1, 2, 2, 1), "<f2"), "c": np.array([1, 2], "u1")}


def frames(**changes):
    """A whole message whose envelope has these fields changed by functions."""
    packed = message.pack(message.new("list_reply"), ARRAYS, 5, 1 << 20)
    envelope = pb.Envelope.FromString(packed[0])
    for change in changes.values():
        change(envelope)
    return [envelope.SerializeToString(), *packed[1:]]


class TestMessage(Case):
    def refused(self, code, sentence, found):
        self.fails(code, sentence, message.parse, found)

    def changed(self, code, sentence, change):
        self.refused(code, sentence, frames(change=change))

    def test_what_is_packed_is_parsed(self):
        parsed = message.parse(frames())
        self.assertEqual((parsed.kind, parsed.envelope.id), ("list_reply", 5))
        for name, values in ARRAYS.items():
            np.testing.assert_array_equal(parsed.arrays[name], values)
            self.assertEqual(parsed.arrays[name].dtype, values.dtype)

    def test_frames_that_do_not_fit_are_refused(self):
        whole = frames()
        self.refused(Code.EFORMAT, "no frames", [])
        self.refused(Code.EFORMAT, "not a valid protobuf", [b"\xff"])
        self.refused(Code.EFORMAT, "announces 3 arrays, 2 frames came", whole[:-1])
        self.refused(Code.EFORMAT, "announces 3 arrays, 4 frames came", [*whole, b""])
        self.refused(Code.ESHAPE, "asks for 24 bytes, 23 came", [whole[0], whole[1][1:], *whole[2:]])
        self.refused(Code.EFORMAT, "'c': checksum differs", [*whole[:-1], b"\1\3"])
        self.refused(Code.ELIMIT, "more than 256", whole[:1] + 257 * [b""])
        self.refused(Code.ELIMIT, "an envelope of", [bytes(message.ENVELOPE_MAX + 1)])

    def test_envelopes_that_do_not_fit_are_refused(self):
        self.changed(Code.EVERSION, "message version 2", lambda e: setattr(e, "version", 2))
        self.changed(Code.EFORMAT, "no body", lambda e: e.ClearField("list_reply"))
        self.changed(Code.EFORMAT, "two arrays are named 'a'", lambda e: setattr(e.payloads[1], "name", "a"))
        for name in "", "x" * 64, "a b", "\n":
            self.changed(Code.EFORMAT, "a name that is not", lambda e: setattr(e.payloads[1], "name", name))
        self.changed(Code.EFORMAT, "element type 9", lambda e: setattr(e.payloads[0], "dtype", 9))
        self.changed(Code.ESHAPE, "0 dimensions", lambda e: e.payloads[0].ClearField("shape"))
        self.changed(Code.ESHAPE, "5 dimensions", lambda e: e.payloads[0].shape.extend([1, 1, 1]))
        self.changed(Code.ESHAPE, "asks for", lambda e: e.payloads[0].shape.extend(2 * [2**32 - 1]))

    def test_an_array_has_the_type_and_shape_that_is_expected(self):
        parsed = message.parse(frames())
        self.assertEqual(parsed.array("a", "f4", 2, None).shape, (2, 3))
        for name, dtype, shape in (("a", "f2", (2, 3)), ("a", "f4", (2,)), ("a", "f4", (3, None)), ("z", "f4", (1,))):
            self.fails(Code.ESHAPE, "array", parsed.array, name, dtype, *shape)

    def test_what_is_too_large_is_not_sent(self):
        for arrays in {"a": np.zeros(1 << 20, "<f4")}, {str(i): np.zeros(1, "u1") for i in range(257)}:
            self.fails(Code.ELIMIT, "", message.pack, message.new("list_request"), arrays, 1, 1 << 20)
        request = message.new("remove_request")
        request.remove_request.ids.extend(300000 * [bytes(16)])
        self.fails(Code.ELIMIT, "send it in parts", message.pack, request, {}, 1, 64 << 20)

    def test_damaged_frames_are_refused_or_parsed(self):
        draw, whole, refused = random.Random(1), frames(), 0
        for _ in range(3000):
            damaged = [bytearray(frame) for frame in whole]
            for _ in range(draw.randint(1, 3)):
                frame = draw.choice(damaged)
                frame[draw.randrange(len(frame))] = draw.randrange(128)  # ASCII: protobuf prints what is not UTF-8
            try:
                message.parse([bytes(frame) for frame in damaged])
            except Error:
                refused += 1
        self.assertGreater(refused, 1000)

    def test_text_is_utf_8(self):
        self.assertEqual(message.text("café"), "café")
        self.assertEqual(message.text(b"caf\xe9\xff.jpg".decode("utf-8", "surrogateescape")), "caf%E9%FF.jpg")

    def test_codes_and_limits_are_the_systems(self):
        table = (ROOT / "common/core/err.h").read_text()
        self.assertEqual({name: int(code) for name, code in re.findall(r"X\(RG_(E\w+), (-\d+),", table)},
                         {code.name: code.value for code in Code})
        limits = (ROOT / "common/wire/msg.h").read_text()
        for name, value in (("VERSION", "1"), ("PAYLOADS_MAX", "256"), ("RANK_MAX", "4"), ("NAME_MAX", "63"), ("ENVELOPE_MAX", "4 << 20")):
            self.assertIn(f"RG_MSG_{name} = {value}", limits)
            self.assertEqual(getattr(message, name), eval(value))

    def test_the_package_has_the_version_of_the_system(self):
        system = re.search(r"project\(rg-unit VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.assertIn(f'\nversion = "{system}"\n', (ROOT / "common/client/python/pyproject.toml").read_text())
