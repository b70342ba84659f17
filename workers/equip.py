"""From a bare Celery application to a worker of ours: its tasks, and all that surrounds them."""

from collections.abc import Mapping, Sequence

from celery import Celery

from memos.settings import Settings
from memos.types import JobKind
from scheduler.keys import Queue
from workers.bootstrap import ProcessResources, build_resources
from workers.canary import DEFAULT_PACE, Pace, keep_canary
from workers.consumer import reconnect_quickly
from workers.drain import DEFAULT_LIMITS, Limits
from workers.endpoint import serve_probes
from workers.handlers import HANDLERS
from workers.node import Node, learn_name
from workers.presence import Presence
from workers.stopping import stop_within
from workers.tasks import announce_ready, register


def equip(
    app: Celery,
    queues: Sequence[Queue],
    settings: Settings,
    *,
    handlers: Mapping[JobKind, str] = HANDLERS,
    limits: Limits = DEFAULT_LIMITS,
    pace: Pace = DEFAULT_PACE,
) -> ProcessResources:
    """Make workers of ``app`` follow hints, stop within a bound, and end themselves when hints no longer reach them.

    Returns what the tasks share in this process. Order matters: a node knows its name before the others ask for it.
    """
    node = Node(str(app.main), settings.data_dir / "run")
    process = ProcessResources(build_resources)
    presence = Presence(node, process)
    learn_name(app, node)
    announce_ready(app, node.directory)
    register(
        app,
        queues,
        handlers=handlers,
        limits=limits,
        stopping=node.is_stopping,
        on_beat=presence.show,
        process=process,
    )
    reconnect_quickly(app)
    keep_canary(app, node, show=presence.show, pace=pace)
    stop_within(app, node, settings.warm_stop_s)
    serve_probes(app, node, settings)
    return process


def recycle(app: Celery, settings: Settings) -> None:
    """Renew the processes of the pool beyond the settings' memory or number of hints; what they opened is closed."""
    app.conf.worker_max_memory_per_child = settings.worker_max_memory_mb * 1024
    app.conf.worker_max_tasks_per_child = settings.worker_max_tasks
