"""What happens when a store's server is away, hangs, comes back, or refuses the password: private servers, killed."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from memos.errors import Unavailable
from memos.graph_dbs.base import GraphStore, JobWrite
from memos.graph_dbs.factory import build_graph
from memos.ids import CubeId, JobId, MemoryId, SessionId, TenantId, UserId
from memos.local.access import FILE_NAME, Access, open_access
from memos.local.arcadedb import DATABASE, USER
from memos.local.ports import choose_ports
from memos.settings import Settings, child_environment
from memos.types import Memory
from memos.vec_dbs.base import IndexFilter, IndexRow, VecIndex
from memos.vec_dbs.factory import build_index

pytestmark = pytest.mark.servers

CUBE, SESSION = CubeId("cube"), SessionId("session")
HERE = IndexFilter(cubes=(CUBE,))
LIMIT_S = 5.0
START_LIMIT_S = 60.0


@dataclass
class Server:
    """A server process of the test's own, which can be killed, stopped and started again on its data."""

    arguments: list[str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = child_environment(OMP_NUM_THREADS="1")
        self.process = subprocess.Popen(
            [sys.executable, "-m", *self.arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGKILL:
            self.process.wait()


@pytest.fixture
def milvus(tmp_path: Path) -> Iterator[tuple[Server, VecIndex]]:
    port = choose_ports(["milvus"], {})["milvus"]
    server = Server(["memos.local.milvus", "--directory", str(tmp_path), "--port", str(port)])
    index = build_index(Settings(milvus_url=f"http://127.0.0.1:{port}"))
    server.start()
    eventually(lambda: index.ensure(dimension=2, model="m"))
    yield server, index
    index.close()
    server.signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def arcadedb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Settings]]:
    folder = tmp_path_factory.mktemp("graph")
    access: Access = open_access(folder)
    ports = choose_ports(["bolt", "http"], {})
    (folder / "arcadedb").mkdir()
    data = ["--directory", str(folder / "arcadedb"), "--access", str(folder / FILE_NAME)]
    where = ["--bolt-port", str(ports["bolt"]), "--http-port", str(ports["http"])]
    server = Server(["memos.local.arcadedb", *data, *where])
    settings = Settings(
        neo4j_url=f"bolt://127.0.0.1:{ports['bolt']}",
        neo4j_user=USER,
        neo4j_password=access.graph_password,  # pyright: ignore[reportArgumentType]
        neo4j_database=DATABASE,
    )
    server.start()
    graph = build_graph(settings)
    eventually(graph.ensure_schema)
    graph.close()
    yield server, settings
    server.signal(signal.SIGKILL)


@pytest.fixture
def graph(arcadedb: tuple[Server, Settings]) -> Iterator[GraphStore]:
    store = build_graph(arcadedb[1])
    yield store
    store.close()


def a_memory(name: str = "m") -> Memory:
    return Memory(id=MemoryId(name), cube=CUBE, user=UserId("ann"), session=SESSION, text="tea")


def a_write(job: str = "j") -> JobWrite:
    return JobWrite(job=JobId(job), user=UserId("ann"), messages=(), memories=(a_memory(),))


def a_row(name: str = "m") -> IndexRow:
    return IndexRow(memory=a_memory(name), vector=(1.0, 0.0))


def assert_unavailable(work: Callable[[], object], *, naming: str, says: str | None = None) -> None:
    """``work`` raises Unavailable, naming the dependency, soon enough."""
    started_s = time.monotonic()
    with pytest.raises(Unavailable, match=says) as raised:
        work()
    assert time.monotonic() - started_s < LIMIT_S
    assert raised.value.dependency == naming


def eventually(work: Callable[[], object]) -> None:
    """Repeat ``work`` until it no longer raises Unavailable."""
    deadline_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            work()
        except Unavailable:
            assert time.monotonic() < deadline_s, "the server did not come up"
            threading.Event().wait(0.1)
        else:
            return


def index_calls(index: VecIndex, tenant: TenantId) -> list[Callable[[], object]]:
    return [
        index.ping,
        index.flush,
        lambda: index.ensure(dimension=2, model="m"),
        lambda: index.upsert(tenant, [a_row()]),
        lambda: index.search_dense(tenant, (1.0, 0.0), HERE, limit=1, timeout_s=60),
        lambda: index.search_text(tenant, "tea", HERE, limit=1, timeout_s=60),
        lambda: index.list_ids(tenant, CUBE),
        lambda: index.delete(tenant, CUBE, [MemoryId("m")]),
        lambda: index.delete_cube(tenant, CUBE),
    ]


def graph_calls(graph: GraphStore, tenant: TenantId) -> list[Callable[[], object]]:
    return [
        graph.ping,
        graph.ensure_schema,
        lambda: graph.apply_jobs(tenant, CUBE, SESSION, [a_write()], fence=1),
        lambda: graph.find_memories(tenant, CUBE, [MemoryId("m")]),
        lambda: graph.list_memories(tenant, CUBE),
        lambda: graph.delete_cube(tenant, CUBE),
    ]


class TestMilvusAway:
    def test_a_server_that_never_ran_is_unavailable(self, tenant: TenantId) -> None:
        port = choose_ports(["milvus"], {})["milvus"]
        index = build_index(Settings(milvus_url=f"http://127.0.0.1:{port}"))
        for call in index_calls(index, tenant):
            assert_unavailable(call, naming="milvus", says="MEMOS_MILVUS_URL")
        index.close()

    def test_a_killed_server_is_unavailable_and_its_rows_are_back_after_a_restart(
        self, milvus: tuple[Server, VecIndex], tenant: TenantId
    ) -> None:
        server, index = milvus
        index.upsert(tenant, [a_row("flushed")])
        index.flush()
        index.upsert(tenant, [a_row("fresh")])
        server.signal(signal.SIGKILL)
        for call in index_calls(index, tenant):
            assert_unavailable(call, naming="milvus")
        server.start()
        eventually(index.ping)
        found = index.search_text(tenant, "tea", HERE, limit=5, timeout_s=3)
        assert sorted(hit.memory_id for hit in found) == ["flushed", "fresh"]
        index.upsert(tenant, [a_row("later")])
        assert len(index.list_ids(tenant, CUBE)) == 3

    def test_a_server_that_hangs_is_unavailable(self, milvus: tuple[Server, VecIndex], tenant: TenantId) -> None:
        server, index = milvus
        server.signal(signal.SIGSTOP)
        assert_unavailable(lambda: index.upsert(tenant, [a_row()]), naming="milvus")
        server.signal(signal.SIGCONT)
        eventually(lambda: index.upsert(tenant, [a_row()]))
        assert index.list_ids(tenant, CUBE) == ["m"]

    def test_a_missing_collection_says_so(self, milvus: tuple[Server, VecIndex], tenant: TenantId) -> None:
        server, _ = milvus
        port = server.arguments[-1]
        index = build_index(Settings(milvus_url=f"http://127.0.0.1:{port}", milvus_collection="elsewhere"))
        assert_unavailable(lambda: index.upsert(tenant, [a_row()]), naming="milvus", says="elsewhere.* is missing")
        index.close()


class TestGraphAway:
    def test_a_server_that_never_ran_is_unavailable(self, tenant: TenantId) -> None:
        port = choose_ports(["bolt"], {})["bolt"]
        graph = build_graph(Settings(neo4j_url=f"bolt://127.0.0.1:{port}"))
        for call in graph_calls(graph, tenant):
            assert_unavailable(call, naming="neo4j", says="MEMOS_NEO4J_URL")
        graph.close()

    def test_a_wrong_password_is_unavailable_and_says_so(
        self, arcadedb: tuple[Server, Settings], tenant: TenantId
    ) -> None:
        graph = build_graph(arcadedb[1].model_copy(update={"neo4j_user": "nobody"}))
        for call in graph_calls(graph, tenant):
            assert_unavailable(call, naming="neo4j", says="wrong user or password; set MEMOS_NEO4J_PASSWORD")
        graph.close()

    def test_a_missing_database_is_named(self, arcadedb: tuple[Server, Settings]) -> None:
        graph = build_graph(arcadedb[1].model_copy(update={"neo4j_database": "nonesuch"}))
        assert_unavailable(graph.ping, naming="neo4j", says="nonesuch")
        graph.close()

    def test_a_killed_server_is_unavailable_and_has_everything_after_a_restart(
        self, arcadedb: tuple[Server, Settings], graph: GraphStore, tenant: TenantId
    ) -> None:
        server, _ = arcadedb
        graph.apply_jobs(tenant, CUBE, SESSION, [a_write()], fence=3)
        server.signal(signal.SIGKILL)
        for call in graph_calls(graph, tenant):
            assert_unavailable(call, naming="neo4j")
        server.start()
        eventually(graph.ping)
        assert graph.find_memories(tenant, CUBE, [MemoryId("m")]) == {"m": a_memory()}
        graph.apply_jobs(tenant, CUBE, SESSION, [a_write()], fence=3)
        assert len(graph.list_memories(tenant, CUBE)) == 1

    def test_a_server_that_hangs_is_unavailable(
        self, arcadedb: tuple[Server, Settings], graph: GraphStore, tenant: TenantId
    ) -> None:
        server, settings = arcadedb
        graph.ping()
        server.signal(signal.SIGSTOP)
        assert_unavailable(lambda: graph.apply_jobs(tenant, CUBE, SESSION, [a_write()], fence=1), naming="neo4j")
        fresh = build_graph(settings)
        assert_unavailable(fresh.ping, naming="neo4j")
        server.signal(signal.SIGCONT)
        eventually(fresh.ping)
        graph.apply_jobs(tenant, CUBE, SESSION, [a_write()], fence=1)
        assert len(graph.list_memories(tenant, CUBE)) == 1
        fresh.close()
