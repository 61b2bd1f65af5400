"""Encrypted tcp: the key files of a folder open it, and a refusal says what to look at."""
import pathlib
import tempfile
import unittest

import zmq

import rg_unit
from service import running

# The service hangs up; ZeroMQ knows why if it reads the service's greeting before.
MISMATCH = "does it have the same server.key, or no keys|one side is encrypted, the other is not"


class TestEncryption(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.pairs = {name: [key.decode() for key in zmq.curve_keypair()] for name in ("server", "ann")}
        for name, (public, secret) in self.pairs.items():
            path = self.folder / f"{name}.key_secret"
            path.write_text(f'curve\n    public-key = "{public}"\n    secret-key = "{secret}"\n')
            path.chmod(0o600)
        (self.folder / "server.key").write_text(f'curve\n    public-key = "{self.pairs["server"][0]}"\n')

    def service(self):
        return self.enterContext(running("tcp://127.0.0.1:*", self.pairs["server"][1].encode()))

    def client(self, service, **options):
        return self.enterContext(rg_unit.Client(retrieval=service.endpoint, identity="ann", **options))

    def overdue(self, client):
        with self.assertRaises(rg_unit.Error) as caught:
            client.status()
        self.assertEqual(caught.exception.code, rg_unit.Code.ETIMEOUT)
        return str(caught.exception)

    def test_the_keys_open_it(self):
        self.assertEqual(self.client(self.service(), keys=self.folder).status().images, 3)

    def test_a_client_without_keys_is_told_so(self):
        self.assertRegex(self.overdue(self.client(self.service(), timeout_s=2)), MISMATCH)

    def test_keys_of_another_system_are_told_so(self):
        (self.folder / "server.key").write_text(f'curve\n    public-key = "{self.pairs["ann"][0]}"\n')
        self.assertRegex(self.overdue(self.client(self.service(), keys=self.folder, timeout_s=2)), MISMATCH)

    def test_a_key_that_is_not_allowed_is_told_so(self):
        service = self.service()
        service.access = b"400"
        self.assertIn("its key is not allowed there", self.overdue(self.client(service, keys=self.folder, timeout_s=2)))
