"""The process in which ArcadeDB runs: ``python -m memos.local.arcadedb`` with its JVM, serving Bolt on loopback.

The root password is always the one in access.json: ArcadeDB keeps its users in a file of its own, which is rewritten
at every start, so that a lost or rotated password never locks the data up.
"""

import argparse
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Final

from memos.local.access import load_access

DATABASE: Final = "memos"
USER: Final = "root"
HEAP: Final = "2g"


def main() -> None:
    """Serve until SIGTERM or SIGINT, then close the databases."""
    options = _parse_arguments()
    os.chdir(options.directory)  # ArcadeDB writes its log under the working directory
    _forget_users(options.directory)
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _serve(options, stopping)


def _serve(options: argparse.Namespace, stopping: threading.Event) -> None:
    from arcadedb_embedded.server import ArcadeDBServer

    # -Xrs leaves the signals to Python.
    # The optimising compiler would take as much of a small machine as the embedder does: without it ingestion went from
    # 360 to 470 messages a second on two cores.
    jvm = {"heap_size": HEAP, "jvm_args": ["-Xrs", "-XX:TieredStopAtLevel=1"]}
    access = load_access(options.access)
    config = {
        "mode": "production",
        "host": "127.0.0.1",
        "http_port": options.http_port,
        "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "bolt_port": options.bolt_port,
    }
    server = ArcadeDBServer(str(options.directory), access.graph_password, config, jvm)
    server.start()
    server.create_database(DATABASE)
    stopping.wait()
    server.stop()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="memos.local.arcadedb", description=__doc__)
    parser.add_argument("--directory", type=_absolute, required=True)
    parser.add_argument("--access", type=_absolute, required=True, help="access.json, which holds the password")
    parser.add_argument("--bolt-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    return parser.parse_args()


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def _forget_users(directory: Path) -> None:
    (directory / "config" / "server-users.jsonl").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
