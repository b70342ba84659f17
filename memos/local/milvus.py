"""The process in which Milvus Lite runs: ``python -m memos.local.milvus``, on loopback.

What its own command does not do: close the database on SIGTERM as well as on SIGINT, and load every collection before
it serves, as Milvus does after a restart. Without that each search fails until a client loads the collection, and two
first requests at once open it twice.
"""

import argparse
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from memos.local.ports import LOOPBACK

_WORKERS: Final = 1
_GRACE_S: Final = 5


def main() -> None:
    """Serve until SIGTERM or SIGINT, then close the collections."""
    parser = argparse.ArgumentParser(prog="memos.local.milvus", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _serve(options.directory, options.port, stopping)


def _serve(directory: Path, port: int, stopping: threading.Event) -> None:
    from milvus_lite.adapter.grpc.server import _build_server  # pyright: ignore[reportPrivateUsage]
    from milvus_lite.db import MilvusLite

    with MilvusLite(str(directory)) as database:
        for name in database.list_databases():
            for collection in database.list_collections(database_name=name):
                database.get_collection(collection, database_name=name).load()
        server = _build_server(database, _WORKERS)
        server.add_insecure_port(f"{LOOPBACK}:{port}")
        server.start()
        stopping.wait()
        server.stop(_GRACE_S).wait()


if __name__ == "__main__":
    main()
