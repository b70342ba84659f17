"""The stack in the background: ``start_background`` returns when it is ready, ``stop_stack`` when it is gone.

memos up -d ──spawns──> python -m memos.local (a session of its own)
    ^                        │
    └── lines of a pipe: {"say": ...}* then {"ready": {urls}} or {"error": ...}
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

from memos.errors import NotFound, Unavailable
from memos.local.lock import explain_disk_error, find_owner
from memos.local.logs import open_log, read_tail
from memos.local.servers import python_module
from memos.local.stack import STACK_COMMAND
from memos.settings import child_environment, find_stack, is_locked

_STOP_WITHIN_S: Final = 60.0
_POLL_S: Final = 0.1


def start_background(data_dir: Path, *, say: Callable[[str], None]) -> dict[str, str]:
    """Start the stack as a process of its own; returns its URLs once everything is ready.

    Raises Unavailable with the reason when it did not come up; nothing is left running then.
    """
    log = data_dir / "logs" / "stack.log"
    reader, writer = os.pipe()
    try:
        process = _spawn(data_dir, log, writer)
    except OSError as error:
        raise explain_disk_error(error, data_dir) from None
    finally:
        os.close(writer)
    try:
        return _follow(reader, log, say)
    except BaseException:
        process.terminate()
        process.wait()
        raise


def stop_stack(data_dir: Path, *, timeout_s: float = _STOP_WITHIN_S) -> int:
    """Stop the stack on a directory and wait until it is gone; returns the process id it had.

    Raises NotFound when nothing runs there, Unavailable when it is not this command's to stop or does not stop.
    """
    stack = find_stack(data_dir)
    if stack is None and not is_locked(data_dir):
        raise NotFound(f"nothing is running on {data_dir}")
    pid = stack["pid"] if stack is not None else find_owner(data_dir)
    if stack is not None and stack["command"] != STACK_COMMAND:
        raise Unavailable(f"data directory {data_dir}", f"process {pid} started servers on demand; they end with it")
    if pid is not None and psutil.pid_exists(pid):
        os.kill(pid, signal.SIGTERM)
    _wait_unlocked(data_dir, pid, timeout_s)
    return pid or 0


def _spawn(data_dir: Path, log: Path, writer: int) -> subprocess.Popen[bytes]:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv = (*python_module("memos.local"), "--data-dir", str(data_dir), "--ready-fd", str(writer))
    with open_log(log) as output:
        return subprocess.Popen(
            argv,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[writer],
            start_new_session=True,
        )


def _follow(reader: int, log: Path, say: Callable[[str], None]) -> dict[str, str]:
    with open(reader, encoding="utf-8") as lines:
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            if "say" in event:
                say(event["say"])
            elif "error" in event:
                raise Unavailable("the local stack", event["error"])
            else:
                return event["ready"]
    raise Unavailable("the local stack", f"it ended before it was ready; the end of {log}:\n{read_tail(log)}")


def _wait_unlocked(data_dir: Path, pid: int | None, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while is_locked(data_dir):
        if time.monotonic() > deadline:
            raise Unavailable(
                f"data directory {data_dir}",
                f"process {pid} has not stopped within {timeout_s:g} s; kill -9 {pid} ends it",
            )
        time.sleep(_POLL_S)
