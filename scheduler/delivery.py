"""How hints are delivered: what Celery and kombu are told; values alone."""

from collections.abc import Mapping
from typing import Any, Final

HARD_LIMIT_S: Final = 900
# A publisher whose broker falls silent waits at most for the confirmation and for two polite goodbyes: 4 s.
CONNECT_TIMEOUT_S: Final = 2.0
CONFIRM_TIMEOUT_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 1.0

CELERY: Final[Mapping[str, Any]] = {
    "accept_content": ["json"],
    "task_serializer": "json",
    # No result backend: the job's record says what became of it.
    "task_ignore_result": True,
    "task_acks_late": True,
    # A killed process gives its hint back once its lease has run out, and Flower shows it as a retry.
    "task_reject_on_worker_lost": True,
    "task_retry_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_time_limit": HARD_LIMIT_S,
    "broker_connection_timeout": CONNECT_TIMEOUT_S,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A Redis that refuses to write (too few replicas, read-only after a fail-over, memory or disk full) will take
    # writes again; without this Celery ends the worker.
    "broker_channel_error_retry": True,
    # RabbitMQ alone: a broker that is silent for two of these is taken for gone, by either side.
    "broker_heartbeat": 10,
    # Celery sees quorum queues by itself and then asks for no prefetch over the whole channel, which they refuse. It
    # also makes 28 queues for delayed delivery, which nothing here uses: of the kind that costs less.
    "worker_detect_quorum_queues": True,
    "broker_native_delayed_delivery_queue_type": "classic",
    # A hint is long followed when its acknowledgement gets lost with the connection; the work goes on.
    "worker_cancel_long_running_tasks_on_connection_loss": False,
}

# How long a publisher tries to connect. A worker's consumer tries for ever all the same.
PATIENCE: Final[Mapping[str, Any]] = {"max_retries": 1, "interval_start": 0, "interval_max": 0.2}

REDIS: Final[Mapping[str, Any]] = {
    # Longer than any task, else a hint is delivered again while it is being followed.
    "visibility_timeout": HARD_LIMIT_S + 300,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # One list a queue, so that its length is the truth.
    "priority_steps": [0],
    "socket_timeout": CONNECT_TIMEOUT_S,
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_keepalive": True,
}

RABBITMQ: Final[Mapping[str, Any]] = {
    # A hint is published when a majority of the queue's nodes has it on disk.
    "confirm_publish": True,
    # For answers to declarations and goodbyes, which py-amqp would await for ever.
    "read_timeout": ANSWER_TIMEOUT_S,
    "write_timeout": ANSWER_TIMEOUT_S,
}

# What Flower shows. Remote control stays on: without it workers stalled for good after a restart of Redis. The queues
# of both are exclusive, as RabbitMQ 4 wants of queues that do not outlive their connection.
VISIBILITY: Final[Mapping[str, Any]] = {
    "worker_send_task_events": True,
    "task_track_started": True,
    "worker_enable_remote_control": True,
    "control_queue_exclusive": True,
    "event_queue_exclusive": True,
}
