"""The few bytes of Redis's protocol that it takes to see whether a server works and how it is configured.

Source: the RESP2 specification. URLs are those of redis-py: redis://, rediss:// and unix://.
"""

import socket
import ssl
from typing import BinaryIO, Final
from urllib.parse import SplitResult, unquote, urlsplit

from memos.errors import AccessDenied, InvalidConfig, Unavailable

_DEFAULT_PORT: Final = 6379


def ask_redis(url: str, *, timeout_s: float) -> dict[str, str]:
    """Log in, PING, and return the fields of INFO.

    Raises Unavailable when the server does not answer (or is loading), AccessDenied when it refuses the password.
    """
    parts = urlsplit(url)
    try:
        with _connect(parts, timeout_s) as connection, connection.makefile("rb") as replies:
            connection.sendall(b"".join((_login(parts), _command("PING"), _command("INFO"))))
            if parts.password is not None:
                _check_login(replies.readline())
            _check_ping(replies.readline(), parts)
            return _read_info(replies)
    except OSError as error:
        raise Unavailable("redis", f"{_where(parts)}: {error.strerror or error}") from None


def _connect(parts: SplitResult, timeout_s: float) -> socket.socket:
    if parts.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        connection.connect(parts.path)
        return connection
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise InvalidConfig(f"a Redis URL begins with redis://, rediss:// or unix://, not with {parts.scheme!r}")
    plain = socket.create_connection((parts.hostname, parts.port or _DEFAULT_PORT), timeout=timeout_s)
    if parts.scheme == "redis":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


def _login(parts: SplitResult) -> bytes:
    if parts.password is None:
        return b""
    user = [unquote(parts.username)] if parts.username else []
    return _command("AUTH", *user, unquote(parts.password))


def _check_login(reply: bytes) -> None:
    if not reply.startswith(b"+OK"):
        raise AccessDenied(f"redis refuses the user or the password ({_text(reply)})")


def _check_ping(reply: bytes, parts: SplitResult) -> None:
    if reply.startswith((b"-NOAUTH", b"-NOPERM")):
        raise AccessDenied(f"redis wants another user or password ({_text(reply)})")
    if reply != b"+PONG\r\n":
        raise Unavailable("redis", f"{_where(parts)} answered {_text(reply)!r} to PING")


def _read_info(replies: BinaryIO) -> dict[str, str]:
    header = replies.readline()
    if not header.startswith(b"$"):
        return {}  # INFO is not permitted to this user
    lines = replies.read(int(header[1:])).decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _command(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def _where(parts: SplitResult) -> str:
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or _DEFAULT_PORT}"


def _text(reply: bytes) -> str:
    return reply.decode("utf-8", "replace").strip()
