"""Is a server ready? Each probe speaks the server's own protocol once, with its password, and needs no client library.

A probe returns None when the server works, raises Unavailable while it does not (yet), and AccessDenied when it works
but refuses the password.
"""

import http.client
import socket
from typing import Final
from urllib.parse import urlsplit

from memos.errors import Unavailable
from memos.local import bolt
from memos.local.ports import LOOPBACK
from memos.local.resp import ask_redis

PROBE_TIMEOUT_S: Final = 2.0
_GET_VERSION: Final = "/milvus.proto.milvus.MilvusService/GetVersion"


def probe_redis(port: int, password: str) -> None:
    """Log in and PING."""
    ask_redis(f"redis://:{password}@{LOOPBACK}:{port}", timeout_s=PROBE_TIMEOUT_S)


def probe_bolt(port: int, user: str, password: str, database: str) -> None:
    """Log in over Bolt and run ``RETURN 1`` in the database."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=PROBE_TIMEOUT_S) as connection:
            bolt.run_query(connection, user=user, password=password, database=database, query="RETURN 1")
    except (OSError, EOFError) as error:
        raise Unavailable("neo4j", f"port {port}: {error}") from None


def probe_milvus(port: int) -> None:
    """Call GetVersion over gRPC."""
    import grpc

    with grpc.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        get_version = channel.unary_unary(_GET_VERSION)
        try:
            get_version(b"", timeout=PROBE_TIMEOUT_S)
        except grpc.RpcError as error:
            raise Unavailable("milvus", f"port {port}: {error.code().name}") from None


def probe_http(url: str, path: str) -> None:
    """GET a path without a login, and expect 200."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or LOOPBACK, parts.port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}{path}")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable("http", f"{url}: {error}") from None
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise Unavailable("http", f"{url} answered {status} to GET {path}")
