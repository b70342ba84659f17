"""``python -m memos.local``: the background stack's process. ``memos up -d`` starts it and reads its pipe."""

import argparse
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import IO

from memos.errors import MemosError
from memos.local.foreground import run_stack
from memos.local.stack import Stack
from memos.settings import load_explicit_settings

_log = logging.getLogger("memos.local")


def main() -> int:
    """Run until a signal. Exits with 2, having told the reader of the pipe, when the stack cannot be started."""
    parser = argparse.ArgumentParser(prog="memos.local", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(message)s")
    with open(options.ready_fd, "w", encoding="utf-8") as pipe:
        return _run(options.data_dir, pipe)


def _run(data_dir: Path, pipe: IO[str]) -> int:
    def say(line: str) -> None:
        _log.info(line)
        _send(pipe, {"say": line})

    def on_ready(stack: Stack) -> None:
        _log.info("ready")
        _send(pipe, {"ready": stack.urls})
        pipe.close()

    try:
        run_stack(load_explicit_settings(data_dir=data_dir), say=say, on_ready=on_ready)
    except MemosError as error:
        _log.error("%s", error)
        _send(pipe, {"error": str(error)})
        return 2
    return 0


def _send(pipe: IO[str], event: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # the reader has gone; the log has it
        if not pipe.closed:
            pipe.write(json.dumps(event) + "\n")
            pipe.flush()


if __name__ == "__main__":
    sys.exit(main())
