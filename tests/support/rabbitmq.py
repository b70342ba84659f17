"""A RabbitMQ that a test may kill: a node of its own, with its own data, ports and port mapper.

    epmd (a child, port E) <── erl node "memos-<port>@localhost" (a child, AMQP port A, distribution port D)

Debian's wrapper in /usr/sbin would run the node as another user; the script behind it runs as whoever calls it.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from memos.settings import child_environment
from tests.support.job_path import PASSWORD, free_port, wait_until

USER = "memos"
_SCRIPTS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/opt/rabbitmq/sbin/rabbitmq-server"))
_CONFIGURATION = f"default_user = {USER}\ndefault_pass = {PASSWORD}\nvm_memory_high_watermark.absolute = 512MB\n"
# The port mapper is a child of ours; one scheduler thread; other nodes could reach it through loopback alone.
_ERLANG_OPTIONS = "-start_epmd false +S 1:1 -kernel inet_dist_use_interface {127,0,0,1}"
_HELLO = b"AMQP\x00\x00\x09\x01"
_START_S = 90.0


def find_server() -> Path | None:
    """The script that runs a node in the foreground, or None when RabbitMQ is not installed."""
    return next((path for path in _SCRIPTS if path.exists()), None)


def why_missing() -> str | None:
    """Why no RabbitMQ can be started here, with what to do; None when one can."""
    if find_server() is None:
        return "rabbitmq-server is not installed (apt-get install rabbitmq-server)"
    return None if shutil.which("epmd") else "epmd is not installed (apt-get install erlang-base)"


@dataclass
class OwnRabbitMQ:
    """One node on loopback. ``start`` after ``kill`` goes on with the same queues."""

    directory: Path
    port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    _node: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _epmd: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Celery's URL of it, with its password."""
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}//"

    @property
    def log(self) -> Path:
        """What the node printed."""
        return self.directory / "rabbitmq.log"

    def start(self, *, wait: bool = True) -> None:
        """Start the port mapper and the node, and wait until it speaks AMQP: 5 to 10 s on two cores."""
        self.directory.mkdir(parents=True, exist_ok=True)
        environment = child_environment(**self._configure())
        if self._epmd is None:
            command = ["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)]
            self._epmd = subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            wait_until(lambda: accepts(self.epmd_port), "epmd listens")
        with self.log.open("ab") as log:
            self._node = subprocess.Popen(
                [str(find_server())],
                cwd=self.directory,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, *, within_s: float = _START_S) -> None:
        """Return once the node speaks AMQP. Fails the test, with its last lines, when it ended or takes too long."""
        deadline = time.monotonic() + within_s
        while not speaks_amqp(self.port):
            assert self._node is not None, "the node was not started"
            assert self._node.poll() is None, f"the node ended: {self._tail()}"
            assert time.monotonic() < deadline, f"no AMQP within {within_s:g} s: {self._tail()}"
            time.sleep(0.1)

    def kill(self) -> None:
        """kill -9 of the node, as a crash is. The port mapper notices and forgets it."""
        if self._node is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._node.pid, signal.SIGKILL)
            self._node.wait()
            self._node = None

    def freeze(self) -> None:
        """Make a black hole of it: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """The end of ``freeze``."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End everything; nothing is left afterwards."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._node is not None, "the node is not running"
        os.killpg(self._node.pid, number)

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def _configure(self) -> dict[str, str]:
        files = {
            "rabbitmq.conf": _CONFIGURATION,
            "enabled_plugins": "[].\n",
            "env.conf": "",
        }
        for name, text in files.items():
            (self.directory / name).write_text(text, encoding="utf-8")
        return {
            "HOME": str(self.directory),  # where the node keeps its Erlang cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "RABBITMQ_NODENAME": f"memos-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_OPTIONS,
        }


def accepts(port: int) -> bool:
    """Whether something listens there."""
    return _try(port, lambda _: True)


def speaks_amqp(port: int) -> bool:
    """Whether an AMQP 0-9-1 server answers the protocol's first bytes with its Start method."""

    def greet(connection: socket.socket) -> bool:
        connection.sendall(_HELLO)
        return connection.recv(1) == b"\x01"

    return _try(port, greet)


def _try(port: int, talk: Callable[[socket.socket], bool]) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            return talk(connection)
    except OSError:
        return False
