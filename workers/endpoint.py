"""The probes of a worker, over HTTP from its main process: /livez (does it work?) and /readyz (does it take hints?)."""

import os
from typing import Any

from celery import Celery, signals

from memos.local import alive
from memos.settings import Settings
from scheduler.endpoint import probe, serve
from workers.node import Node


def serve_probes(app: Celery, node: Node, settings: Settings) -> None:
    """Have workers of ``app`` serve their probes once they consume, if the settings name a port."""
    port = settings.metrics_port
    if port is None:
        return

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is not app:
            return
        owner = os.getpid()
        routes = {"/livez": probe(lambda: find_fault(node)), "/readyz": probe(lambda: find_unreadiness(node))}
        endpoint = serve(port, settings.metrics_host, routes)

        def let_go(**_: Any) -> None:
            if os.getpid() != owner:
                endpoint.abandon()

        signals.worker_process_init.connect(let_go, weak=False)

    signals.worker_ready.connect(begin, weak=False)


def find_fault(node: Node) -> str | None:
    """Why this worker should be replaced, or None."""
    return alive.find_stall(node.alive)


def find_unreadiness(node: Node) -> str | None:
    """Why this worker takes no hints just now, or None."""
    if node.is_stopping():
        return "it is stopping"
    if not node.ready.exists():
        return "it does not consume yet"
    return find_fault(node)
