"""How importance fades, and what is archived for it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidConfig
from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.organize.decay import DAY_MS, DecayPolicy, age, fade, is_due, is_expired, is_outlived
from memos.settings import Settings, load_explicit_settings
from memos.types import Category, Memory, MemoryStatus, MemoryType

T0 = 1_750_000_000_000
shares = st.floats(0, 1)
spans = st.integers(0, 100 * 365 * DAY_MS)
half_lives = st.floats(0, exclude_min=True, allow_nan=False)
policies = st.builds(DecayPolicy, half_life_days=half_lives, archive_below=shares)
memories = st.builds(
    Memory,
    id=st.just(MemoryId("m")),
    cube=st.just(CubeId("c")),
    user=st.just(UserId("u")),
    session=st.just(SessionId("s")),
    text=st.just("m"),
    status=st.sampled_from(MemoryStatus),
    memory_type=st.sampled_from(MemoryType),
    category=st.sampled_from(Category),
    importance=shares,
    pinned=st.booleans(),
    expires_at_ms=st.none() | spans.map(lambda span: T0 + span),
    importance_at_ms=st.just(0) | spans.map(lambda span: T0 + span),
    created_at_ms=st.just(T0),
)


def a_memory(**changes: object) -> Memory:
    where = {"cube": CubeId("c"), "user": UserId("u"), "session": SessionId("s")}
    return replace(Memory(id=MemoryId("m"), text="m", created_at_ms=T0, importance_at_ms=T0, **where), **changes)


def test_a_half_life_halves() -> None:
    assert fade(0.8, elapsed_ms=90 * DAY_MS, half_life_days=90) == pytest.approx(0.4)
    assert fade(0.8, elapsed_ms=90 * DAY_MS, half_life_days=45) == pytest.approx(0.2)


@given(shares, spans, spans, st.floats(1, 10_000))
def test_two_spans_fade_as_their_sum(importance: float, one: int, two: int, days: float) -> None:
    in_steps = fade(fade(importance, elapsed_ms=one, half_life_days=days), elapsed_ms=two, half_life_days=days)
    assert in_steps == pytest.approx(fade(importance, elapsed_ms=one + two, half_life_days=days))


@given(shares, spans, spans, half_lives)
def test_more_time_never_leaves_more_and_the_order_of_memories_stays(
    importance: float, one: int, two: int, days: float
) -> None:
    short, long = sorted((one, two))
    assert fade(importance, elapsed_ms=long, half_life_days=days) <= fade(
        importance, elapsed_ms=short, half_life_days=days
    )
    assert fade(importance / 2, elapsed_ms=one, half_life_days=days) <= fade(
        importance, elapsed_ms=one, half_life_days=days
    )


@given(shares, st.integers(-(10**15), 10**15), half_lives)
def test_what_is_left_is_never_below_0_nor_above_what_was(importance: float, elapsed_ms: int, days: float) -> None:
    assert 0 <= fade(importance, elapsed_ms=elapsed_ms, half_life_days=days) <= importance


@given(memories, policies, spans)
def test_ageing_again_at_the_same_time_changes_nothing(memory: Memory, policy: DecayPolicy, span: int) -> None:
    once = age(memory, policy, now_ms=T0 + span)
    assert age(once, policy, now_ms=T0 + span) is once


@given(memories, st.floats(1, 10_000), spans, spans)
def test_ageing_in_two_steps_ends_where_one_does(memory: Memory, days: float, one: int, two: int) -> None:
    policy, (early, late) = DecayPolicy(half_life_days=days), sorted((T0 + one, T0 + two + DAY_MS))
    in_steps = age(age(memory, policy, now_ms=early), policy, now_ms=late)
    at_once = age(memory, policy, now_ms=late)
    if in_steps.importance_at_ms == at_once.importance_at_ms:  # else the second step came within a day of the first
        assert in_steps.importance == pytest.approx(at_once.importance)


@given(memories, policies, spans)
def test_a_change_of_status_is_a_new_version_and_fading_alone_is_none(
    memory: Memory, policy: DecayPolicy, span: int
) -> None:
    aged = age(memory, policy, now_ms=T0 + span)
    is_archived = aged.status is not memory.status
    assert (aged.version - memory.version, aged.updated_at_ms) == (int(is_archived), T0 + span if is_archived else 0)


@given(memories, half_lives, spans)
def test_a_floor_of_0_archives_nothing_but_what_has_expired(memory: Memory, days: float, span: int) -> None:
    aged = age(memory, DecayPolicy(half_life_days=days), now_ms=T0 + span)
    assert (aged.status is not memory.status) == (
        memory.status is MemoryStatus.ACTIVATED and is_expired(memory, now_ms=T0 + span)
    )


@given(memories, policies, spans)
def test_a_pinned_memory_keeps_its_importance_and_goes_only_when_it_expires(
    memory: Memory, policy: DecayPolicy, span: int
) -> None:
    pinned = replace(memory, pinned=True, status=MemoryStatus.ACTIVATED)
    aged = age(pinned, policy, now_ms=T0 + span)
    assert aged.importance == pinned.importance
    assert (aged.status is MemoryStatus.ARCHIVED) == is_expired(pinned, now_ms=T0 + span)


def test_a_memory_expires_at_its_moment_whatever_its_age_and_importance() -> None:
    policy, memory = DecayPolicy(half_life_days=90), a_memory(expires_at_ms=T0 + 5, importance=1.0)
    assert age(memory, policy, now_ms=T0 + 4) is memory
    assert age(memory, policy, now_ms=T0 + 5).status is MemoryStatus.ARCHIVED


@pytest.mark.parametrize(
    ("changes", "archived"),
    [
        ({}, True),
        ({"importance": 0.5}, False),
        ({"memory_type": MemoryType.WORKING}, False),
        ({"category": Category.INSTRUCTION}, False),
        ({"pinned": True}, False),
        ({"memory_type": MemoryType.USER, "category": Category.PREFERENCE}, True),
    ],
)
def test_what_is_below_the_floor_is_archived_but_for_pinned_ones_working_memory_and_instructions(
    changes: dict[str, object], archived: bool
) -> None:
    policy = DecayPolicy(half_life_days=1, archive_below=0.5)
    assert is_outlived(a_memory(**{"importance": 0.49, **changes}), policy) is archived


def test_an_importance_is_due_after_a_day_unless_its_memory_is_archived() -> None:
    assert not is_due(a_memory(), now_ms=T0 + DAY_MS - 1)
    assert is_due(a_memory(), now_ms=T0 + DAY_MS)
    assert not is_due(a_memory(status=MemoryStatus.ARCHIVED), now_ms=T0 + DAY_MS)


def test_an_importance_of_no_time_fades_from_the_memorys_creation() -> None:
    policy = DecayPolicy(half_life_days=10)
    aged = age(a_memory(importance_at_ms=0), policy, now_ms=T0 + 10 * DAY_MS)
    assert aged.importance == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("decay_half_life_days", 0),
        ("decay_half_life_days", -1),
        ("archive_below", -0.1),
        ("archive_below", 1.1),
        ("retention_days", 0),
        ("retention_days", float("inf")),
        ("retention_memories", 0),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, wrong: float) -> None:
    with pytest.raises(InvalidConfig, match=name):
        load_explicit_settings(**{name: wrong})


def test_by_default_nothing_is_archived() -> None:
    assert (Settings().decay_half_life_days, Settings().archive_below) == (90, 0)
