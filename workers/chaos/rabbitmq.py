"""A RabbitMQ of a run's own, as Celery's broker: Debian's package, run as a child with its own node, ports and files.

The wrapper in /usr/sbin would run the node as another user; the script behind it runs as whoever calls it. The port
mapper (epmd) is a child as well, so that none is left behind.
"""

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

from memos.errors import InvalidConfig, Unavailable
from memos.local.child import ChildSpec
from memos.local.ports import LOOPBACK, choose_ports

_SCRIPTS: Final = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/opt/rabbitmq/sbin/rabbitmq-server"))
_USER: Final = "memos"
_HELLO: Final = b"AMQP\x00\x00\x09\x01"
_PROBE_S: Final = 2.0
_READY_WITHIN_S: Final = 120.0
_MEMORY: Final = "512MB"
_ERLANG: Final = "-start_epmd false +S 1:1 -kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMQ:
    """Where a node lives, and how it is started. Raises InvalidConfig when RabbitMQ is not installed."""

    def __init__(self, directory: Path) -> None:
        self._script = _find_script()
        self._directory = directory
        self._ports = choose_ports(("amqp", "distribution", "epmd"), {})
        self._password = token_urlsafe(16)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings under which Celery finds it, for both applications."""
        return {"broker_url": f"amqp://{_USER}:{self._password}@{LOOPBACK}:{self._ports['amqp']}//"}

    def build_specs(self) -> Sequence[ChildSpec]:
        """Port mapper and node, to be started in this order. Writes the node's configuration."""
        self._write_files()
        return (
            self._spec("epmd", ("epmd", "-address", LOOPBACK, "-port", str(self._ports["epmd"]))),
            self._spec("rabbitmq", (str(self._script),)),
        )

    def _spec(self, name: str, argv: tuple[str, ...]) -> ChildSpec:
        port, hello = (self._ports["epmd"], b"") if name == "epmd" else (self._ports["amqp"], _HELLO)
        return ChildSpec(
            name=name,
            argv=argv,
            directory=self._directory,
            probe=lambda: _probe(name, port, hello),
            environment=self._environment(),
            ready_within_s=_READY_WITHIN_S,
        )

    def _write_files(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = (
            f"default_user = {_USER}",
            f"default_pass = {self._password}",
            f"vm_memory_high_watermark.absolute = {_MEMORY}",
        )
        files = {"rabbitmq.conf": "\n".join(lines) + "\n", "enabled_plugins": "[].\n", "env.conf": ""}
        for name, text in files.items():
            (self._directory / name).write_text(text, encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        directory = self._directory
        return {
            "HOME": str(directory),  # where the node keeps its Erlang cookie
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "RABBITMQ_NODENAME": f"memos-{self._ports['amqp']}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self._ports["amqp"]),
            "RABBITMQ_DIST_PORT": str(self._ports["distribution"]),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }


def _find_script() -> Path:
    script = next((path for path in _SCRIPTS if path.exists()), None)
    if script is None or shutil.which("epmd") is None:
        raise InvalidConfig("--broker rabbitmq needs rabbitmq-server and epmd (apt-get install rabbitmq-server)")
    return script


def _probe(name: str, port: int, hello: bytes) -> None:
    """AMQP answers a greeting with its version or with its first frame; the port mapper just listens."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_PROBE_S) as connection:
            if hello:
                connection.sendall(hello)
                if not connection.recv(8):
                    raise Unavailable(name, f"port {port} closes connections")
    except OSError as error:
        raise Unavailable(name, f"port {port}: {error}") from None
