"""Adding without a scheduler: the work is done when the call returns, and once for each key."""

from typing import Any

import pytest

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.mem_os.intake import DirectIntake, Once
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.types import JobState, Lane
from tests.support.text import LANE, USER, DictationReader, open_twins

SAID = [{"role": "user", "content": "a red fish", "speaker": "Ana", "said_at_ms": 1_700_000_000_000}]


@pytest.fixture
def stores() -> TextStores:
    return open_twins()


class AwayReader(DictationReader):
    def read(self, conversations: object) -> Any:
        raise Unavailable("llm", "gone")


def open_intake(stores: TextStores, told: list[Lane], reader: DictationReader | None = None) -> DirectIntake:
    reads = reader or DictationReader()
    return DirectIntake(writer=TextWriter(stores, ManualClock()), reader=reads, after_add=told.append)


def test_an_add_has_taken_effect_when_it_returns(stores: TextStores) -> None:
    told: list[Lane] = []
    added = open_intake(stores, told).add(LANE, USER, SAID, None)
    assert added.state is JobState.SUCCEEDED
    assert [memory.id for memory in stores.graph.list_memories(LANE.tenant, LANE.cube)] == list(added.memory_ids)
    assert told == [LANE]


def test_a_key_used_again_adds_nothing_and_names_the_same_memories(stores: TextStores) -> None:
    intake = open_intake(stores, [])
    first = intake.add(LANE, USER, SAID, Once(key="k"))
    assert intake.add(LANE, USER, SAID, Once(key="k")) == first
    assert len(stores.graph.list_memories(LANE.tenant, LANE.cube)) == 1


def test_without_a_key_the_same_words_are_another_job_and_the_same_memory(stores: TextStores) -> None:
    intake = open_intake(stores, [])
    first, second = intake.add(LANE, USER, SAID, None), intake.add(LANE, USER, SAID, None)
    assert first.job_id != second.job_id
    assert first.memory_ids == second.memory_ids
    (memory,) = stores.graph.list_memories(LANE.tenant, LANE.cube)
    assert len(memory.source_ids) == 2


def test_what_was_said_under_a_key_is_found_while_the_model_is_away_and_the_key_completes_it(
    stores: TextStores,
) -> None:
    told: list[Lane] = []
    said = [{**SAID[0], "content": "I keep a red fish."}]
    with pytest.raises(Unavailable):
        open_intake(stores, told, AwayReader(keeps_answers=True)).add(LANE, USER, said, Once(key="k"))
    (raw,) = stores.graph.list_memories(LANE.tenant, LANE.cube)
    assert (raw.text, told) == ("Ana said: I keep a red fish.", [])
    added = open_intake(stores, told, DictationReader(keeps_answers=True)).add(LANE, USER, said, Once(key="k"))
    (memory,) = stores.graph.list_memories(LANE.tenant, LANE.cube)
    assert (memory.text, added.memory_ids, memory.id) == ("I keep a red fish.", (raw.id,), raw.id)


def test_without_a_key_nobody_could_complete_it_so_nothing_is_stored(stores: TextStores) -> None:
    with pytest.raises(Unavailable):
        open_intake(stores, [], AwayReader(keeps_answers=True)).add(LANE, USER, SAID, None)
    assert stores.graph.list_messages(LANE.tenant, LANE.cube, LANE.session, limit=1) == []
