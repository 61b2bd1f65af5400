"""What a client takes from a configuration file of the system: where the services are, keys and limits."""
from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import yaml

from rg_unit.errors import Code, Error

SERVICES = ("retrieval", "encoder", "loader", "trainer", "evaluator")
BYTES_MAX = 1 << 20


@dataclasses.dataclass(frozen=True)
class Config:
    """endpoints: by the name of the service. keys: folder, "" leaves tcp unencrypted."""

    endpoints: Mapping[str, str]
    keys: str = ""
    identity: str = "services"
    insecure: bool = False
    message_max_mib: int = 64


def read(path: str | os.PathLike[str]) -> Config:
    """Reads the file. Relative paths in it begin in the current directory, as for rg-ctl.

    ENOENT, EIO; ECONFIG naming file, key and what it should be.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(BYTES_MAX + 1)
        tree = yaml.safe_load(content[:BYTES_MAX])
    except FileNotFoundError:
        raise Error(Code.ENOENT, f"{path}: no such configuration file") from None
    except OSError as error:
        raise Error(Code.EIO, f"{path}: cannot read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Error(Code.ECONFIG, f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if len(content) > BYTES_MAX:
        raise Error(Code.ECONFIG, f"{path}: larger than {BYTES_MAX} bytes")
    return _Reader(os.fspath(path), tree if tree is not None else {}).config()


class _Reader:
    def __init__(self, path: str, tree: Any) -> None:
        self._path = path
        self._tree = self._mapping(tree, "the file")

    def config(self) -> Config:
        known = {*SERVICES, "gateway", "insecure"}
        endpoints, security = self._section("endpoints", known), self._section("security", {"keys", "identity"})
        run = self._text(self._tree, "run", "run", "run")
        return Config(
            {name: self._text(endpoints, name, f"endpoints.{name}", "") or f"ipc://{run}/{name}.ipc" for name in SERVICES},
            self._text(security, "keys", "security.keys", ""),
            self._text(security, "identity", "security.identity", "services"),
            self._flag(endpoints, "insecure", "endpoints.insecure"),
            self._mib(self._section("limits"), "message_max_mib", "limits.message_max_mib"),
        )

    def _fail(self, key: str, value: object, expected: str) -> Error:
        return Error(Code.ECONFIG, f"{self._path}: {key} is {value!r}, expected is {expected}")

    def _mapping(self, value: Any, key: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._fail(key, value, "a mapping of keys to values")
        return value

    def _section(self, name: str, known: set[str] | None = None) -> Mapping[str, Any]:
        section = self._mapping(self._tree.get(name) or {}, name)
        for key in section:
            if known and key not in known:
                raise Error(Code.ECONFIG, f"{self._path}: unknown key {name}.{key}; choose from {', '.join(sorted(known))}")
        return section

    def _text(self, section: Mapping[str, Any], name: str, key: str, default: str) -> str:
        value = section.get(name, default)
        if not isinstance(value, str):
            raise self._fail(key, value, "a text")
        return value

    def _flag(self, section: Mapping[str, Any], name: str, key: str) -> bool:
        value = section.get(name, False)
        if not isinstance(value, bool):
            raise self._fail(key, value, "true or false")
        return value

    def _mib(self, section: Mapping[str, Any], name: str, key: str) -> int:
        value = section.get(name, Config.message_max_mib)
        if not isinstance(value, int) or not 1 <= value <= 2047:
            raise self._fail(key, value, "a number from 1 to 2047")
        return value
