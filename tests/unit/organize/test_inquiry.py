"""What a model is asked: the most valuable first, within the tokens, nothing twice and no user's beside another's."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos.ids import MessageId, UserId
from memos.organize.inquiry import (
    MAX_FACTS,
    MAX_WORDING_CHARS,
    PARTNERS,
    Inquiries,
    Item,
    build_items,
    build_material,
    choose,
)
from memos.organize.judge import MAX_TEXT_CHARS
from memos.organize.plan import build_plan
from memos.organize.provisional import provisional
from memos.organize.surroundings import Surroundings
from memos.recall.budget import estimate_tokens
from memos.types import EdgeType, MemoryStatus, MemoryType
from tests.unit.organize.around import T0, around, edge, memory

FOUR = [memory(number, f"I make {thing}.", key="pottery") for number, thing in enumerate(("a", "b", "c", "d"), 1)]
BEN = UserId("ben")


def items_of(found: Surroundings) -> list[Item]:
    return build_items(found, build_plan(found, now_ms=T0))


def shown(items: list[Item]) -> list[list[str]]:
    return [[fact.id for fact in item.facts] for item in items]


def ask(items: list[Item], left: int = 10**6, most: int = 10**6, fixed: int = 0) -> Inquiries:
    return choose(items, left=left, most=most, fixed=fixed)


def test_a_summary_is_asked_about_with_all_of_its_children() -> None:
    (item,) = items_of(around(*FOUR))
    assert item.summary is not None
    assert (shown([item]), item.value) == ([["m1", "m2", "m3", "m4"]], sum(each.importance for each in FOUR))


def test_a_summary_that_a_long_child_belongs_to_is_the_rules() -> None:
    long = replace(FOUR[3], text="x" * (MAX_TEXT_CHARS + 1))
    assert all(item.summary is None for item in items_of(around(*FOUR[:3], long)))
    assert [item.summary is None for item in items_of(around(*FOUR[:3], replace(long, text="x" * MAX_TEXT_CHARS)))] == [
        False
    ]


def test_a_fresh_memory_is_asked_about_with_the_nearest_that_it_may_be_related_to() -> None:
    fresh, *others = [memory(number, f"number {number}") for number in range(6)]
    (item,) = items_of(around(fresh, *others, fresh=[fresh]))
    assert (item.facts[0], item.summary, len(item.facts)) == (fresh, None, 1 + PARTNERS)


@pytest.mark.parametrize(
    "change",
    [
        {"status": MemoryStatus.ARCHIVED},
        {"memory_type": MemoryType.OUTER},
        {"user": BEN},
        {"text": "x" * (MAX_TEXT_CHARS + 1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_be_related_is_no_partner(change: dict[str, Any]) -> None:
    one, other = memory(1, "one"), memory(2, "two")
    assert len(items_of(around(one, other, fresh=[one]))) == 1
    assert items_of(around(one, replace(other, **change), fresh=[one])) == []


def test_what_is_provisional_related_already_far_off_or_merged_is_not_asked_about() -> None:
    one, other = memory(1, "one"), memory(2, "two")
    assert items_of(around(one, provisional(other), fresh=[one])) == []
    assert items_of(around(one, other, edges=[edge(one, EdgeType.FOLLOWS, other)])) == []
    assert items_of(around(one, other, cosine=0.49)) == []
    assert items_of(around(one, replace(other, text=one.text), cosine=0.99)) == []


def test_what_was_said_in_one_message_is_asked_about_however_far_off() -> None:
    one, other = (memory(number, f"say {number}", source_ids=(MessageId("s"),)) for number in (1, 2))
    assert shown(items_of(around(one, other, cosine=0.1))) == [["m1", "m2"], ["m2", "m1"]]


def test_each_memory_is_shown_once_in_the_order_told_and_users_apart() -> None:
    bens = [replace(each, id=f"b{each.id}", user=BEN) for each in FOUR]
    loose = memory(9, "I like tea.")
    inquiries = ask(items_of(around(loose, *reversed(FOUR), *bens))).asked
    assert sorted([fact.id for fact in each.facts] for each in inquiries) == [
        ["bm1", "bm2", "bm3", "bm4"],
        ["m1", "m2", "m3", "m4", "m9"],
    ]


def test_what_has_no_room_waits_and_the_most_valuable_has_it() -> None:
    cheap, dear = (Item(facts=(memory(n, "a"), memory(n + 1, "b"))) for n in (1, 3))
    dear = replace(dear, facts=tuple(replace(fact, importance=1.0) for fact in dear.facts))
    cost = ask([dear]).asked[0].tokens
    found = ask([cheap, dear], left=cost + 7, fixed=7)
    assert ([each.items for each in found.asked], found.waiting, found.too_large) == ([(dear,)], (cheap,), ())
    assert ask([cheap, dear], left=cost + 6, fixed=7).asked == ()


def test_what_no_run_has_room_for_does_not_wait() -> None:
    item = Item(facts=(memory(1, "a"), memory(2, "b")))
    cost = ask([item]).asked[0].tokens
    assert ask([item], left=cost - 1, most=cost - 1) == Inquiries(too_large=(item,))
    assert ask([item], left=0, most=cost) == Inquiries(waiting=(item,))


def test_no_more_are_shown_than_an_answer_may_name() -> None:
    pairs = [Item(facts=(memory(2 * n, "a"), memory(2 * n + 1, "b"))) for n in range(MAX_FACTS)]
    found = ask(pairs)
    assert (len(found.asked[0].facts), len(found.waiting)) == (MAX_FACTS, MAX_FACTS // 2)


TEXTS = st.text(max_size=60) | st.sampled_from(["猫が好き" * 20, '"]}\\' * 9, "I make pots."])


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=14), st.integers(0, 3000))
def test_question_and_answer_stay_within_what_they_were_estimated_at(texts: list[str], left: int) -> None:
    found = around(*[memory(number, text, key="pottery") for number, text in enumerate(texts)])
    chosen = ask(items_of(found), left=left)
    assert sum(inquiry.tokens for inquiry in chosen.asked) <= left
    for inquiry in chosen.asked:
        summary = '{"cluster": 100, "text": "", "facts": []}, ' + "猫" * MAX_WORDING_CHARS
        relation = '{"type": "RELATES", "from": 100, "to": 100}, '
        named = sum(len(each.children) for each in inquiry.summaries) * "100, "
        answer = summary * len(inquiry.summaries) + named + relation * len(inquiry.facts)
        empty = estimate_tokens('{"clusters": [], "facts": []}{"summaries": [], "relations": []}')
        assert estimate_tokens(build_material(inquiry)) + estimate_tokens(answer) <= inquiry.tokens + empty


def test_every_item_is_asked_about_waits_or_is_too_large() -> None:
    items = [Item(facts=(memory(n, "x" * 40 * n), memory(n + 50, "y"))) for n in range(1, 20)]
    for left in range(0, 4000, 500):
        found = ask(items, left=left, most=300)
        asked = [item for inquiry in found.asked for item in inquiry.items]
        assert sorted(shown([*asked, *found.waiting, *found.too_large])) == sorted(shown(items))
