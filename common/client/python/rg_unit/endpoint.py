"""Endpoints: ipc://PATH and tcp://HOST:PORT."""
from __future__ import annotations

import dataclasses
import ipaddress

from rg_unit.errors import Code, Error

PATH_MAX = 107  # of a unix socket


@dataclasses.dataclass(frozen=True)
class Endpoint:
    text: str
    path: str  # of ipc, else ""
    host: str = ""
    port: int = 0

    @property
    def is_loopback(self) -> bool:
        return self.host == "localhost" or bool(self._address and self._address.is_loopback)

    @property
    def is_name(self) -> bool:
        """Whether the host is a name, which may have several addresses."""
        return not self.path and self._address is None

    @property
    def _address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def parse(text: str) -> Endpoint:
    """ECONFIG, naming the endpoint and what it should be."""
    if text.startswith("ipc://"):
        path = text[6:]
        if not path:
            raise Error(Code.ECONFIG, f"{text}: has no path")
        if len(path.encode()) > PATH_MAX:
            raise Error(Code.ECONFIG, f"{text}: a path of {len(path.encode())} bytes is too long for a socket ({PATH_MAX} at "
                                      "most): set a shorter `run`, or endpoints.SERVICE")
        return Endpoint(text, path)
    if not text.startswith("tcp://"):
        raise Error(Code.ECONFIG, f"{text}: an endpoint begins with ipc:// or tcp://")
    host, colon, digits = text[6:].rpartition(":")
    if not colon or not host or "]" in digits:
        raise Error(Code.ECONFIG, f"{text}: has no port: write tcp://HOST:PORT")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 5 or not 1 <= int(digits) <= 65535:
        raise Error(Code.ECONFIG, f"{text}: '{digits}' is not a port: use a number from 1 to 65535")
    bracketed = host.startswith("[") and host.endswith("]")
    if not bracketed and any(letter in host for letter in ":[]"):
        raise Error(Code.ECONFIG, f"{text}: an IPv6 address stands in brackets: tcp://[::1]:9100")
    endpoint = Endpoint(text, "", host[1:-1] if bracketed else host, int(digits))
    if bracketed and endpoint.is_name:
        raise Error(Code.ECONFIG, f"{text}: '{endpoint.host}' is not an IPv6 address")
    return endpoint
