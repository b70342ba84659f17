"""From an extraction to the archive: the real queue, handlers, graph and index; only time is made to pass."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from memos.clock import ManualClock
from memos.graph_dbs.factory import build_graph
from memos.ids import CubeId, TenantId
from memos.memories.textual.stores import TextStores
from memos.organize.decay import DAY_MS
from memos.organize.retention import Retention
from memos.recall.search import Recall
from memos.settings import Settings
from memos.types import JobKind, JobState, Lane, MemoryStatus
from memos.vec_dbs.factory import build_index
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.keys import CUBE_SESSIONS
from scheduler.upkeep import DecayRound
from scheduler.wakes import Wakes
from tests.support.job_path import CUBE, lane, spec
from tests.support.text import WordEmbedder
from workers.bootstrap import Resources
from workers.drain import Drain
from workers.handlers import load_handler

pytestmark = pytest.mark.servers


class Process(Resources):
    """A worker's resources with a clock to turn, and an embedder that needs no model."""

    def __init__(self, settings: Settings) -> None:
        self.time = ManualClock()
        super().__init__(settings, clock=self.time)
        self._own = TextStores(graph=build_graph(settings), index=build_index(settings), embedder=WordEmbedder())
        self._own.ensure()
        self.keep_open(self._own)

    @property
    def stores(self) -> TextStores:
        return self._own


@pytest.fixture
def process(settings: Settings) -> Iterator[Process]:
    changes = {
        "redis_url": sibling_url(settings, 3),
        "milvus_collection": "decay",
        "reader": "rules",
        "reorganize": False,
    }
    made = Process(settings.model_copy(update={**changes, "decay_half_life_days": 30.0, "archive_below": 0.3}))
    yield made
    made.close()


@pytest.fixture
def redis(process: Process) -> Iterator[Redis]:
    client = connect(process.redis_url)
    client.flushdb()
    yield client
    client.close()


def drain(process: Process, kind: JobKind, of: Lane) -> None:
    Drain(mailbox=process.mailbox, handler=load_handler(kind), resources=process).run(of)


def extract(process: Process, tenant: TenantId, text: str, cube: CubeId = CUBE) -> None:
    """Have a worker extract one message; the organize job that follows is not waited for."""
    message = {"role": "user", "content": text, "speaker": "Ana", "said_at_ms": process.time.now_ms()}
    where = replace(lane(tenant), cube=cube)
    process.scheduler.submit(spec(tenant, lane=where, payload={"messages": [message], "reader": None}))
    drain(process, JobKind.EXTRACT, where)
    (follow_up, *_) = process.scheduler.list_jobs(tenant, kind=JobKind.ORGANIZE)
    process.scheduler.cancel(tenant, follow_up.id)


def decay(process: Process, redis: Redis, tenant: TenantId) -> dict[str, Any]:
    """One day's round and what its job came to."""
    redis.delete("memos:decay")
    DecayRound(redis=redis, wakes=Wakes(redis), jobs=MemScheduler(redis)).run()
    drain(process, JobKind.ORGANIZE, Lane(tenant=tenant, cube=CUBE, session=CUBE_SESSIONS[JobKind.ORGANIZE]))
    (newest,) = process.scheduler.list_jobs(tenant, kind=JobKind.ORGANIZE, limit=1)
    assert newest.state is JobState.SUCCEEDED
    return dict(newest.result)


def found(process: Process, tenant: TenantId) -> list[str]:
    hits = Recall(process.stores).search(tenant, [CubeId(CUBE)], "violin", top_k=5).hits
    return [hit.memory.text for hit in hits]


def test_a_memory_fades_until_the_daily_round_archives_it(process: Process, redis: Redis, tenant: TenantId) -> None:
    extract(process, tenant, "I play the violin in an orchestra.")
    assert len(found(process, tenant)) == 1
    process.time.advance_ms(20 * DAY_MS)
    assert decay(process, redis, tenant) == {"reindexed": 0, "archived": 0}
    assert len(found(process, tenant)) == 1
    process.time.advance_ms(20 * DAY_MS)
    assert decay(process, redis, tenant) == {"reindexed": 1, "archived": 1}
    assert found(process, tenant) == []
    assert decay(process, redis, tenant) == {"reindexed": 0, "archived": 0}
    (archived,) = process.stores.graph.list_memories(tenant, CUBE, status=None)
    assert (archived.status, archived.version, archived.indexed_version) == (MemoryStatus.ARCHIVED, 2, 2)
    assert archived.importance == pytest.approx(0.5 * 0.5 ** (40 / 30))


def test_the_daily_round_archives_where_a_cube_says_so_and_nowhere_else(
    process: Process, redis: Redis, tenant: TenantId
) -> None:
    own, second, neighbour = CubeId(CUBE), CubeId("second"), TenantId(f"{tenant}-2")
    places = [(tenant, own), (tenant, second), (neighbour, own)]
    for place in places:
        extract(process, place[0], "I play the violin in an orchestra.", place[1])
    with closing(build_graph(process.settings)) as graph:  # an application's, which shares nothing else with a worker
        graph.set_retention(tenant, own, Retention(max_age_days=5))
        graph.set_retention(tenant, second, Retention(max_age_days=15))

    process.time.advance_ms(10 * DAY_MS)
    redis.delete("memos:decay")
    DecayRound(redis=redis, wakes=Wakes(redis), jobs=MemScheduler(redis)).run()
    for where, cube in places:
        drain(process, JobKind.ORGANIZE, Lane(tenant=where, cube=cube, session=CUBE_SESSIONS[JobKind.ORGANIZE]))
    left = [len(process.stores.graph.list_memories(*place)) for place in places]
    assert left == [0, 1, 1]
    assert found(process, tenant) == []
    assert len(found(process, neighbour)) == 1
