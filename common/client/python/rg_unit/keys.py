"""Keys of CurveZMQ: the files that `rg-ctl keys` makes."""
from __future__ import annotations

import dataclasses
import os
import re
import stat

import zmq

from rg_unit.errors import Code, Error

FILE_BYTES_MAX = 1 << 14


@dataclasses.dataclass(frozen=True)
class Keys:
    """What a socket shows and expects: 40 characters of Z85 each."""

    server: bytes
    public: bytes
    secret: bytes = dataclasses.field(repr=False)

    def encrypt(self, socket: zmq.Socket) -> None:
        socket.curve_serverkey, socket.curve_publickey, socket.curve_secretkey = self.server, self.public, self.secret


def read(folder: str | os.PathLike[str], identity: str) -> Keys:
    """Reads server.key and IDENTITY.key_secret of a folder.

    EINVAL: not a name of a key. ENOENT, EIO, EFORMAT, and EACCES if other users may read the secret key: the sentence
    names the file.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", identity):
        raise Error(Code.EINVAL, f"'{identity}' is not a name for a key: expected 1 to 63 letters, digits, dots, dashes and "
                                 "underscores")
    secret_path = os.path.join(folder, identity + ".key_secret")
    own = _read_file(secret_path, secret=True)
    public, secret = _value(secret_path, own, "public-key"), _value(secret_path, own, "secret-key")
    if zmq.curve_public(secret) != public:
        raise Error(Code.EFORMAT, f"{secret_path}: its public key does not belong to its secret key")
    server_path = os.path.join(folder, "server.key")
    return Keys(_value(server_path, _read_file(server_path), "public-key"), public, secret)


def _read_file(path: str, secret: bool = False) -> str:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if secret and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Error(Code.EACCES, f"{path}: users other than its owner may use it (mode {mode & 0o7777:04o}); "
                                         "chmod go-rwx it")
            return file.read(FILE_BYTES_MAX).decode("ascii", "replace")
    except FileNotFoundError:
        raise Error(Code.ENOENT, f"{path}: no such key file: `rg-ctl keys add NAME` makes a pair; its user needs NAME.key_secret "
                                 "and server.key in one folder") from None
    except OSError as error:
        raise Error(Code.EIO, f"{path}: cannot read: {error.strerror}") from None


def _value(path: str, content: str, name: str) -> bytes:
    """The value of a line `name = "value"`, quotes of either kind."""
    found = re.search(name + r"""[ \t]*=[ \t]*["']([^"'\n]{40})["']""", content)
    if not found:
        raise Error(Code.EFORMAT, f"{path}: has no {name} of 40 characters")
    return found[1].encode()
