"""Configuration, key and image files."""
import io
import os
import pathlib
import tempfile

import numpy as np
import PIL.Image
import zmq

from fails import Case
from rg_unit import config, images, keys
from rg_unit.errors import Code

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "data" / "fixtures"


class Folder(Case):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))


class TestConfig(Folder):
    def read(self, text):
        path = self.folder / "c.yaml"
        path.write_text(text)
        return config.read(path)

    def test_it_says_where_the_services_are(self):
        found = self.read("run: runs/x\nendpoints: {encoder: 'tcp://h:9', insecure: true}\nlimits: {message_max_mib: 8}\n"
                          "security: {keys: k, identity: ann}\ndata: {root: faces}\n")
        self.assertEqual((found.endpoints["retrieval"], found.endpoints["encoder"]), ("ipc://runs/x/retrieval.ipc", "tcp://h:9"))
        self.assertEqual((found.keys, found.identity, found.insecure, found.message_max_mib), ("k", "ann", True, 8))
        self.assertEqual(self.read("").endpoints["loader"], "ipc://run/loader.ipc")

    def test_what_is_wrong_is_named(self):
        for text, sentence in (
            ("endpoints: {encodr: x}", "c.yaml: unknown key endpoints.encodr; choose from encoder, evaluator"),
            ("run: 3", "run is 3"),
            ("[", "not YAML"),
            ("x", "the file is 'x'"),
            ("limits: {message_max_mib: 0}", "limits.message_max_mib is 0, expected is a number from 1 to 2047"),
            ("endpoints: {insecure: maybe}", "endpoints.insecure is 'maybe', expected is true or false"),
            ("security: 3", "security is 3"),
        ):
            self.fails(Code.ECONFIG, sentence, self.read, text)
        self.fails(Code.ENOENT, "no such configuration file", config.read, self.folder / "none.yaml")


class TestKeys(Folder):
    def write(self, name, public, secret, mode=0o600):
        path = self.folder / f"{name}.key_secret"
        path.write_text(f'#  x\nmetadata\ncurve\n    public-key = "{public}"\n    secret-key = "{secret}"\n')
        path.chmod(mode)

    def test_a_pair_is_read_and_checked(self):
        public, secret = (key.decode() for key in zmq.curve_keypair())
        self.fails(Code.ENOENT, "ann.key_secret: no such key file: `rg-ctl keys add", keys.read, self.folder, "ann")
        self.fails(Code.EINVAL, "is not a name for a key", keys.read, self.folder, "../ann")
        self.write("ann", public, secret, 0o640)
        self.fails(Code.EACCES, "(mode 0640); chmod go-rwx it", keys.read, self.folder, "ann")
        self.write("ann", secret, secret)
        self.fails(Code.EFORMAT, "does not belong", keys.read, self.folder, "ann")
        self.write("ann", public, "short")
        self.fails(Code.EFORMAT, "has no secret-key of 40 characters", keys.read, self.folder, "ann")
        self.write("ann", public, secret)
        self.fails(Code.ENOENT, "server.key", keys.read, self.folder, "ann")
        (self.folder / "server.key").write_text(f"curve\n    public-key = '{public}'\n")
        found = keys.read(self.folder, "ann")
        self.assertEqual((found.server, found.public, found.secret), (public.encode(), public.encode(), secret.encode()))
        self.assertNotIn(secret, repr(found))


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


class TestImages(Folder):
    def setUp(self):
        super().setUp()
        self.picture = PIL.Image.fromarray(np.arange(8 * 12 * 3, dtype="u1").reshape(8, 12, 3))

    def test_the_centred_square_is_resized(self):
        np.testing.assert_array_equal(images.pixels(self.picture, 8)[0], np.asarray(self.picture)[:, 2:10])
        self.assertEqual(images.pixels([self.picture, np.asarray(self.picture)], 4, 4).shape, (2, 4, 4, 3))
        tall = PIL.Image.new("RGB", (178, 218), "red")
        self.assertEqual(images.pixels(tall, 178).shape, (1, 178, 178, 3))
        self.fails(Code.ELIMIT, "a crop of 9 pixels does not fit into 12x8", images.pixels, self.picture, 4, 9)

    def test_every_kind_of_file_gives_the_picture(self):
        for name in "baseline", "progressive":
            reference = np.frombuffer((FIXTURES / f"{name}.rgb").read_bytes(), "u1").reshape(56, 48, 3)
            np.testing.assert_array_equal(images.pixels(FIXTURES / f"{name}.jpg", 48)[0], reference[4:52])
        for kind, options in ("PNG", {}), ("WEBP", {"lossless": True}):
            np.testing.assert_array_equal(images.pixels(encoded(self.picture, kind, **options), 8)[0], np.asarray(self.picture)[:, 2:10])
        deep = PIL.Image.fromarray(np.full((8, 8), 257 * 90, "u2"))
        self.assertEqual(images.pixels(encoded(deep, "PNG"), 8)[0, 0, 0].tolist(), [90, 90, 90])

    def test_what_is_transparent_becomes_white(self):
        clear = PIL.Image.new("RGBA", (8, 8), (9, 9, 9, 0))
        self.assertEqual(images.pixels(encoded(clear, "PNG"), 8)[0, 0, 0].tolist(), [255, 255, 255])

    def test_a_picture_is_turned_upright(self):
        exif = PIL.Image.Exif()
        exif[images.EXIF_ORIENTATION] = 6
        upright = np.asarray(self.picture.transpose(PIL.Image.Transpose.ROTATE_270))
        np.testing.assert_array_equal(images.pixels(encoded(self.picture, "PNG", exif=exif), 8)[0], upright[2:10])

    def test_what_is_not_an_image_is_refused(self):
        whole = encoded(self.picture, "PNG")
        self.fails(Code.EFORMAT, "not a JPEG, PNG or WebP", images.pixels, b"GIF89a", 8)
        self.fails(Code.EFORMAT, "damaged", images.pixels, whole[:60], 8)
        self.fails(Code.ENOENT, "no such file", images.pixels, self.folder / "none.jpg", 8)
        self.fails(Code.EINVAL, "expected a path, bytes", images.pixels, [3.5], 8)
        self.fails(Code.ESHAPE, "needed is uint8 [H,W,3]", images.pixels, np.zeros((8, 8, 3)), 8)
        self.fails(Code.ESHAPE, "needed is uint8 [N,8,8,3]", images.pixels, np.zeros((1, 4, 4, 3), "u1"), 8)
        self.fails(Code.EINVAL, "no images", images.pixels, [], 8)
        self.fails(Code.ELIMIT, "at most 8192", images.pixels, PIL.Image.new("1", (8193, 1)), 1)

    def test_the_id_is_the_hash_of_the_file(self):
        self.assertEqual(images.content_id(b"abc").hex(), "06b05ab6733a618578af5f94892f3950")
        path = self.folder / "abc"
        path.write_bytes(b"abc")
        self.assertEqual(images.content_id(path), images.content_id(b"abc"))
        self.assertEqual(images.content_id(os.fspath(path)), images.content_id(b"abc"))
