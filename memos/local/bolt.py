"""The few bytes of Bolt 4.4 that it takes to see whether a server answers a query.

Source: Neo4j's Bolt protocol and PackStream specifications. Only small maps and strings are ever packed.
"""

import socket
import struct
from collections.abc import Mapping
from typing import Final

from memos.errors import AccessDenied, Unavailable

_MAGIC: Final = b"\x60\x60\xb0\x17"
_VERSIONS: Final = bytes((0, 0, 4, 4)) + bytes(12)
_HELLO, _RUN, _PULL = 0x01, 0x10, 0x3F
_SUCCESS, _FAILURE = 0x70, 0x7F
_PULL_ALL: Final = b"\xa1\x81n\xff"  # {"n": -1}


def run_query(connection: socket.socket, *, user: str, password: str, database: str, query: str) -> None:
    """Log in and run a query to its end. Raises AccessDenied on a refused login, Unavailable on any other failure."""
    connection.sendall(_MAGIC + _VERSIONS)
    if _receive(connection, 4) != bytes((0, 0, 4, 4)):
        raise Unavailable("neo4j", "the server does not speak Bolt 4.4")
    login = {"user_agent": "memos-probe/1", "scheme": "basic", "principal": user, "credentials": password}
    _exchange(connection, _HELLO, _pack_map(login))
    _exchange(connection, _RUN, _pack_text(query), _pack_map({}), _pack_map({"db": database}))
    _exchange(connection, _PULL, _PULL_ALL)


def _exchange(connection: socket.socket, signature: int, *fields: bytes) -> None:
    message = bytes((0xB0 | len(fields), signature)) + b"".join(fields)
    connection.sendall(struct.pack(">H", len(message)) + message + b"\0\0")
    answer = _read_message(connection)
    while answer[1] not in (_SUCCESS, _FAILURE):
        answer = _read_message(connection)
    if answer[1] == _SUCCESS:
        return
    reason = answer[2:].decode("utf-8", "replace")
    if signature == _HELLO or "Security" in reason:
        raise AccessDenied("neo4j refuses the user or the password in access.json")
    raise Unavailable("neo4j", f"the probe query failed: {reason!r:.200}")


def _read_message(connection: socket.socket) -> bytes:
    chunks: list[bytes] = []
    while size := struct.unpack(">H", _receive(connection, 2))[0]:
        chunks.append(_receive(connection, size))
    return b"".join(chunks) or _read_message(connection)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise EOFError("the server closed the connection")
        received += part
    return received


def _pack_text(text: str) -> bytes:
    encoded = text.encode()
    return b"\xd0" + bytes((len(encoded),)) + encoded


def _pack_map(values: Mapping[str, str]) -> bytes:
    return bytes((0xA0 | len(values),)) + b"".join(_pack_text(k) + _pack_text(v) for k, v in values.items())
