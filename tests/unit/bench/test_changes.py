"""The conversations in which facts change, and what counts as stating a value."""

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from memos.bench.changes import ChangingFact, Talk, TalkSet, Value, load_talks

JANUARY, MARCH, JUNE = date(2024, 1, 1), date(2024, 3, 1), date(2024, 6, 1)
HOME = ChangingFact(
    about="home city",
    question="Where does Ana live?",
    values=(Value(says="Oslo", day=JANUARY), Value(says="Rome", day=MARCH), Value(says="Oslo", day=JUNE)),
)


def test_a_memory_states_what_it_says_and_a_turn_of_that_day_said() -> None:
    assert HOME.find_stated("Ana said: I live in Oslo.", {JANUARY}) == 0
    assert HOME.find_stated("Ana said: I moved from Oslo to ROME!", {MARCH}) == 1


def test_the_word_on_another_day_the_day_without_the_word_and_a_part_of_a_word_state_nothing() -> None:
    assert HOME.find_stated("I visited Oslo.", {MARCH}) is None
    assert HOME.find_stated("My cat is asleep.", {MARCH}) is None
    assert HOME.find_stated("Romeo and I met.", {MARCH}) is None


def test_a_memory_of_several_days_states_the_latest() -> None:
    assert HOME.find_stated("I live in Oslo.", {JANUARY, JUNE}) == 2


def test_all_that_memories_state_is_listed_in_their_order() -> None:
    memories = [("In Rome now", {MARCH}), ("Hello", {MARCH}), ("I live in Oslo", {JANUARY})]
    assert HOME.find_all_stated(memories) == [1, 0]


def test_each_value_has_a_day_inside_its_time() -> None:
    assert HOME.days_within == [date(2024, 1, 31), date(2024, 4, 16), date(2024, 7, 1)]


def test_turns_come_day_by_day_with_speaker_and_time() -> None:
    talk = Talk(name="one", days={JANUARY: ("Ana: Note this: I moved.", "Ben: Oh."), MARCH: ("Ana: Bye.",)}, facts=())
    (_, reply), (bye,) = talk.turns
    assert (reply.speaker, reply.text, reply.session) == ("Ben", "Oh.", "2024-01-01")
    assert reply.said_at == datetime(2024, 1, 1, 9, 1, tzinfo=UTC)
    assert bye.said_at.date() == MARCH
    assert next(talk.turns)[0].text == "Note this: I moved."


@pytest.mark.parametrize("of", TalkSet)
def test_forty_conversations_come_with_the_package_and_each_value_is_said_on_its_day(of: TalkSet) -> None:
    talks = load_talks(of)
    assert len(talks) >= 40
    assert max(Counter(talk.name for talk in talks).values()) == 1
    for talk in talks:
        said = {turns[0].said_at.date(): [turn.text for turn in turns] for turns in talk.turns}
        for fact in talk.facts:
            found = [any(fact.find_stated(text, {v.day}) is not None for text in said[v.day]) for v in fact.values]
            assert found == [True] * len(fact.values), talk.name


@pytest.mark.parametrize("of", TalkSet)
def test_their_days_are_in_order_and_values_change_weeks_apart(of: TalkSet) -> None:
    for talk in load_talks(of):
        assert list(talk.days) == sorted(talk.days), talk.name
        for fact in talk.facts:
            days = [value.day for value in fact.values]
            assert len(days) >= 2
            assert all((then - first).days >= 14 for first, then in pairwise(days)), talk.name


@pytest.mark.parametrize("of", TalkSet)
def test_they_have_several_speakers_and_turns_about_other_things(of: TalkSet) -> None:
    for talk in load_talks(of):
        turns = [turn for day in talk.turns for turn in day]
        assert len({turn.speaker for turn in turns}) >= 2, talk.name
        words = [value.says.casefold() for fact in talk.facts for value in fact.values]
        assert sum(not any(word in turn.text.casefold() for word in words) for turn in turns) >= 2, talk.name
