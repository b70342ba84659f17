"""A writer reads with what the cube wants, asked for once a reading; a replayed answer is what was wanted then."""

import json
from collections.abc import Iterator, Mapping

import pytest

from memos.clock import ManualClock
from memos.configs.fact_fields import FactSchema
from memos.configs.llm import OpenAILLMConfig
from memos.configs.reading import ReadingConfig
from memos.errors import Cancelled
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, JobId, TenantId
from memos.llms.openai import OpenAILLM
from memos.mem_reader.base import Reader
from memos.mem_reader.rules import RulesReader
from memos.mem_reader.simple_struct import SimpleStructReader
from memos.memories.textual.stores import TextStores
from memos.memories.textual.write_job import WriteJob
from memos.memories.textual.writer import KeepAnswers, TextWriter
from memos.types import Memory
from memos.vec_dbs.memory import MemoryIndex
from tests.support.openai_server import OpenAIServer, answer, serving
from tests.support.text import LANE, WordEmbedder, forget, work

PART = ReadingConfig(
    categories=("health",), fact_schema=FactSchema.model_validate({"properties": {"part": {"type": "string"}}})
)
PLACE = ReadingConfig(
    fact_schema=FactSchema.model_validate({"properties": {"place": {"type": "string"}}, "required": ["place"]})
)
FACT = {"text": "Ana's knee hurts.", "evidence": [1], "tags": ["health"], "info": {"part": "knee", "place": "Rome"}}


class AskedGraph(MemoryGraph):
    """Counts how often it is asked what a cube wants."""

    asked = 0

    def find_reading(self, tenant: TenantId, cube: CubeId) -> ReadingConfig | None:
        self.asked += 1
        return super().find_reading(tenant, cube)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as running:
        running.replies = [answer(json.dumps({"facts": [FACT]}))]
        yield running


@pytest.fixture
def reader(server: OpenAIServer) -> SimpleStructReader:
    return SimpleStructReader(OpenAILLM(OpenAILLMConfig(model_name_or_path="m", api_base=server.url, max_retries=0)))


@pytest.fixture
def graph() -> AskedGraph:
    return AskedGraph()


def write(graph: MemoryGraph, job: WriteJob, reader: Reader, keep: KeepAnswers = forget) -> list[Memory]:
    stores = TextStores(graph=graph, index=MemoryIndex(), embedder=WordEmbedder())
    stores.ensure()
    TextWriter(stores, ManualClock()).write(LANE, [job], reader, fence=1, keep=keep)
    return graph.list_memories(LANE.tenant, LANE.cube)


def test_the_cubes_word_is_asked_for_once_and_its_fields_are_kept(
    graph: AskedGraph, reader: SimpleStructReader
) -> None:
    graph.set_reading(LANE.tenant, LANE.cube, PART)
    (memory,) = write(graph, work("j", "My knee hurts."), reader)
    assert (memory.tags, memory.info, graph.asked) == (("health",), {"part": "knee"}, 1)


def test_another_cubes_and_another_tenants_word_changes_nothing(graph: AskedGraph, reader: SimpleStructReader) -> None:
    graph.set_reading(LANE.tenant, CubeId("other"), PART)
    graph.set_reading(TenantId("umbrella"), LANE.cube, PART)
    (memory,) = write(graph, work("j", "My knee hurts."), reader)
    assert (memory.tags, memory.info) == ((), {})


def test_rules_are_told_nothing_and_so_nothing_is_asked_for(graph: AskedGraph) -> None:
    graph.set_reading(LANE.tenant, LANE.cube, PLACE)
    (memory,) = write(graph, work("j", "My knee hurts."), RulesReader())
    assert (memory.text, memory.info, graph.asked) == ("Ana said: My knee hurts.", {}, 0)


@pytest.mark.parametrize("later", [PLACE, ReadingConfig()])
def test_an_answer_that_was_stored_is_replayed_with_what_was_wanted_when_it_was_given(
    graph: AskedGraph, server: OpenAIServer, reader: SimpleStructReader, later: ReadingConfig
) -> None:
    graph.set_reading(LANE.tenant, LANE.cube, PART)
    kept: dict[JobId, str] = {}

    def keep_and_die(answers: Mapping[JobId, str]) -> None:
        kept.update(answers)
        raise Cancelled("killed between the answer and its effect")

    with pytest.raises(Cancelled):
        write(graph, work("j", "My knee hurts."), reader, keep_and_die)
    graph.set_reading(LANE.tenant, LANE.cube, later)
    (memory,) = write(graph, work("j", "My knee hurts.", answer=kept[JobId("j")]), reader)
    assert (memory.text, memory.tags, memory.info) == (FACT["text"], ("health",), {"part": "knee"})
    assert (len(server.requests), graph.asked) == (1, 1)


def test_what_is_read_afterwards_is_read_as_the_cube_wants_it_by_then(
    graph: AskedGraph, server: OpenAIServer, reader: SimpleStructReader
) -> None:
    graph.set_reading(LANE.tenant, LANE.cube, PART)
    write(graph, work("j", "My knee hurts."), reader)
    graph.set_reading(LANE.tenant, LANE.cube, PLACE)
    server.replies = [answer(json.dumps({"facts": [{**FACT, "text": "Ana flies to Rome."}]}))]
    found = {memory.text: memory for memory in write(graph, work("k", "I fly to Rome."), reader)}
    assert [found[text].info for text in (FACT["text"], "Ana flies to Rome.")] == [{"part": "knee"}, {"place": "Rome"}]
