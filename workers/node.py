"""One worker as others see it: its names, and the files by which it tells how it is.

    data_dir/run/APP.ready            it consumes
    data_dir/run/APP.warm             its models are loaded, or could not be
    data_dir/run/APP.NODE.alive       changed while hints reach it and are followed (memos/local/alive.py)
    data_dir/run/APP.NODE.stopping    it was told to stop; its processes hand back what they have not begun

Files, since they mean the same to the main process and to its pool, whether that was forked or spawned.
"""

import re
from pathlib import Path
from typing import Any, cast

from celery import Celery, signals

from memos.ids import KEY_SEPARATOR

_UNSAFE = re.compile(r"[^A-Za-z0-9@._-]")


class Node:
    """The worker that this process is, or belongs to. Its name is known once the worker begins."""

    def __init__(self, app: str, directory: Path) -> None:
        self.app = app
        self.directory = directory
        self.name = ""

    @property
    def ready(self) -> Path:
        """Of the application, not of the node: supervisors know no more of it."""
        return self.directory / f"{self.app}.ready"

    @property
    def alive(self) -> Path:
        """Where it shows that it works."""
        return self.directory / f"{file_stem(self.app, self.name)}.alive"

    @property
    def stopping(self) -> Path:
        """Where it says that it was told to stop."""
        return self.directory / f"{file_stem(self.app, self.name)}.stopping"

    @property
    def member(self) -> str:
        """Its name in the roll of workers."""
        return f"{self.app}{KEY_SEPARATOR}{self.name}"

    def is_stopping(self) -> bool:
        """True once the worker was told to stop; the same in all of its processes. Costs a look at a directory."""
        return self.stopping.exists()


def file_stem(app: str, node: str) -> str:
    """What the files of a node are called; a node's name may hold anything."""
    return f"{app}.{_UNSAFE.sub('_', node)}"


def learn_name(app: Celery, node: Node) -> None:
    """Have the node learn its name when a worker of ``app`` begins, and forget what an earlier one left."""

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is app:
            node.name = cast(str, sender.hostname)
            for left in (node.ready, node.alive, node.stopping):
                left.unlink(missing_ok=True)

    def join(sender: Any, **_: Any) -> None:
        node.name = node.name or cast(str, sender)

    signals.worker_init.connect(begin, weak=False)
    # A pool process that was spawned begins with a module of its own.
    signals.worker_process_init.connect(join, weak=False)
