"""From messages to a summary: the real queue, handlers, graph and index; and by the command."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from memos.clock import ManualClock
from memos.configs.mem_os import MOSConfig
from memos.graph_dbs.factory import build_graph
from memos.ids import TenantId
from memos.mem_os.main import MOS
from memos.memories.textual.stores import TextStores
from memos.organize.surroundings import is_summary
from memos.settings import Settings
from memos.types import EdgeType, JobKind, JobState, Lane, Memory
from memos.vec_dbs.factory import build_index
from scheduler.broker import sibling_url
from scheduler.connection import connect
from tests.support.command_here import environment_of, run_here
from tests.support.job_path import CUBE, lane, spec
from tests.support.text import WordEmbedder
from workers.bootstrap import Resources
from workers.drain import Drain
from workers.handlers import load_handler

pytestmark = pytest.mark.servers

TRIPS = (
    "We went on a camping trip in the forest.",
    "We went on a camping trip to the lake.",
    "We went on a camping trip by the sea.",
    "My tent broke on the last camping trip.",
)


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

    def extract(self, tenant: TenantId, *texts: str) -> None:
        said = [
            {"role": "user", "content": text, "speaker": "Ana", "said_at_ms": self.time.now_ms() + place}
            for place, text in enumerate(texts)
        ]
        self.scheduler.submit(spec(tenant, payload={"messages": said, "reader": None}))
        self._drain(JobKind.EXTRACT, lane(tenant))

    def organize(self, tenant: TenantId) -> dict[str, int]:
        """Work an organize job in place of the one that waits for a lull; what it says of the reorganisation."""
        (waiting,) = self.scheduler.list_jobs(tenant, kind=JobKind.ORGANIZE, limit=1)
        self.scheduler.cancel(tenant, waiting.id)
        job = self.scheduler.submit(replace(spec(tenant), kind=JobKind.ORGANIZE, lane=waiting.lane, payload={}))
        self._drain(JobKind.ORGANIZE, waiting.lane)
        done = self.scheduler.status(tenant, job)
        assert done.state is JobState.SUCCEEDED
        return dict(done.result["reorganised"])

    def summaries(self, tenant: TenantId) -> list[Memory]:
        return [memory for memory in self.stores.graph.list_memories(tenant, CUBE) if is_summary(memory)]

    def _drain(self, kind: JobKind, of: Lane) -> None:
        Drain(mailbox=self.mailbox, handler=load_handler(kind), resources=self).run(of)


@pytest.fixture
def process(settings: Settings) -> Iterator[Process]:
    changes = {"redis_url": sibling_url(settings, 4), "milvus_collection": "reorganise", "reader": "rules"}
    made = Process(settings.model_copy(update=changes))
    client = connect(made.redis_url)
    client.flushdb()
    client.close()
    yield made
    made.close()


def test_messages_are_summed_up_by_the_job_that_follows_them(process: Process, tenant: TenantId) -> None:
    process.extract(tenant, *TRIPS)
    assert process.organize(tenant)["summaries"] == 1
    (summary,) = process.summaries(tenant)
    assert summary.indexed_version == summary.version
    edges = process.stores.graph.find_edges(tenant, CUBE, [summary.id])
    assert {(edge.type, edge.source) for edge in edges} == {(EdgeType.PARENT, summary.id)}
    process.extract(tenant, "We had rain on our camping trip in May.")
    assert process.organize(tenant)["refreshed"] == 1
    (again,) = process.summaries(tenant)
    assert (again.id, again.version, again.indexed_version) == (summary.id, 2, 2)
    assert len(process.stores.graph.find_edges(tenant, CUBE, [summary.id])) == 5


@pytest.mark.models
def test_the_command_shows_what_it_would_do_and_does_it(settings: Settings, tenant: TenantId, tmp_path: Path) -> None:
    named = {"data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}", "redis_url": None, "tenant": tenant}
    own = settings.model_copy(update=named)
    with MOS(MOSConfig(user_id="ana"), settings=own) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        for day, text in enumerate(TRIPS, start=10):
            mos.add([{"role": "user", "name": "Ana", "content": text, "chat_time": f"2025-03-{day}"}])
    places = environment_of(own)
    planned = run_here("organize", "notes", "--dry-run", "--json", **places).json
    shown = run_here("organize", "notes", **places)  # a terminal's width may break the text anywhere
    assert "".join(planned["summaries"][0]["text"].split())[:20] in "".join(shown.out.split())
    assert run_here("organize", "notes", "--json", **places).json["fresh"] == 0
