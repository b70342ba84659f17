"""What runs on a data directory, seen from outside."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from memos.settings import StackFile, find_stack

_CONNECT_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildStatus:
    """One process of the stack. ``up`` means: it is alive and, where it has a port, accepts connections."""

    name: str
    up: bool
    pid: int
    url: str | None = None
    port: int | None = None
    uptime_s: float | None = None
    rss_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StackStatus:
    """A running stack: who runs it, how it was started, and its children."""

    pid: int
    command: str
    children: tuple[ChildStatus, ...]


def find_status(data_dir: Path) -> StackStatus | None:
    """The state of the stack on a directory, or None when none runs there."""
    stack = find_stack(data_dir)
    if stack is None:
        return None
    children = tuple(_look_at(name, pid, stack) for name, pid in stack["children"].items())
    return StackStatus(pid=stack["pid"], command=stack["command"], children=children)


def _look_at(name: str, pid: int, stack: StackFile) -> ChildStatus:
    url = stack["urls"].get("bolt" if name == "arcadedb" else name)
    port = urlsplit(url).port if url else None
    try:
        process = psutil.Process(pid)
        uptime_s, rss_bytes = time.time() - process.create_time(), process.memory_info().rss
    except psutil.Error:
        return ChildStatus(name=name, up=False, pid=pid, url=url, port=port)
    up = port is None or _accepts(port)
    return ChildStatus(name=name, up=up, pid=pid, url=url, port=port, uptime_s=round(uptime_s, 1), rss_bytes=rss_bytes)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False
