"""Adding without a scheduler: the work is done when the call returns, and once for each key."""

import pytest

from memos.clock import ManualClock
from memos.mem_os.intake import DirectIntake, Once
from memos.memories.textual.stores import TextStores
from memos.memories.textual.writer import TextWriter
from memos.types import JobState, Lane
from tests.support.text import LANE, USER, DictationReader, open_twins

SAID = [{"role": "user", "content": "a red fish", "speaker": "Ana", "said_at_ms": 1_700_000_000_000}]


@pytest.fixture
def stores() -> TextStores:
    return open_twins()


def open_intake(stores: TextStores, told: list[Lane]) -> DirectIntake:
    return DirectIntake(writer=TextWriter(stores, ManualClock()), reader=DictationReader(), after_add=told.append)


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


def test_without_a_key_the_same_words_are_added_again(stores: TextStores) -> None:
    intake = open_intake(stores, [])
    assert intake.add(LANE, USER, SAID, None).job_id != intake.add(LANE, USER, SAID, None).job_id
    assert len(stores.graph.list_memories(LANE.tenant, LANE.cube)) == 2
