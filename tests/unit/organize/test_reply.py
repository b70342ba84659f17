"""What counts of a model's answer: the part that rests on what it was shown, and nothing else."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from memos.organize.inquiry import MAX_WORDING_CHARS, Inquiry, build_items, build_material, choose
from memos.organize.plan import build_plan
from memos.organize.reply import Reply, UnusableReplyError, build_schema, parse_reply
from memos.prompts import load_prompt
from memos.types import EdgeType, Memory
from tests.unit.organize.around import T0, around, edge, memory

CLAY = [memory(number, f"I make {thing}.", key="pottery") for number, thing in enumerate(("bowls", "cups", "vases"), 1)]
FIRST, SECOND, THIRD, KILN = *CLAY, memory(4, "I bought 2 kilns.", key="pottery", entities=("Ben",))
WRIST = memory(5, "I saw Dr Rossi on 4 May.", entities=("Dr Rossi",))
SENTENCE = {"cluster": 1, "text": "Ana makes bowls and cups.", "facts": [1, 2]}


def inquire(*facts: Memory) -> Inquiry:
    """What is asked about them: a cluster of those about pottery, and how the others are related."""
    found = around(*facts)
    items = build_items(found, build_plan(found, now_ms=T0))
    (inquiry,) = choose(items, left=50_000, most=50_000, fixed=0).asked
    return inquiry


INQUIRY = inquire(FIRST, SECOND, THIRD, KILN, WRIST)


def parse(summaries: Sequence[object] = (), relations: Sequence[object] = ()) -> Reply:
    return parse_reply(json.dumps({"summaries": summaries, "relations": relations}), INQUIRY, model="m")


def relation(source: object, target: object, type: object = "CAUSE") -> dict[str, object]:
    return {"type": type, "from": source, "to": target}


def test_a_sentence_on_two_facts_counts() -> None:
    reply = parse([SENTENCE])
    (wording,) = reply.wordings.values()
    assert (wording.text, wording.rests_on, wording.model) == ("Ana makes bowls and cups.", (FIRST.id, SECOND.id), "m")
    assert (list(reply.wordings), reply.dropped) == ([INQUIRY.summaries[0].memory.id], 0)


@pytest.mark.parametrize(
    ("changes", "dropped"),
    [
        ({"facts": [1]}, 1),
        ({"facts": []}, 1),
        ({"facts": [1, 1]}, 2),
        ({"facts": [1, 5]}, 2),
        ({"facts": [1, 99, -1, 0]}, 4),
        ({"facts": [1, True, "2", 2.0, None]}, 5),
        ({"facts": "12"}, 1),
        ({"cluster": 2}, 1),
        ({"cluster": "1"}, 1),
        ({"text": ""}, 1),
        ({"text": " \n\x00 "}, 1),
        ({"text": None}, 1),
        ({"text": "a" * (MAX_WORDING_CHARS + 1)}, 1),
        ({"text": "Ana makes 12 bowls."}, 1),
        ({"text": "Ana bought 2 kilns."}, 1),
        ({"text": "Ana makes bowls for Dr Rossi."}, 1),
        ({"text": "Ana makes bowls in dr rossi's house."}, 1),
        ({"note": "more"}, 1),
    ],
    ids=str,
)
def test_a_sentence_that_says_more_than_its_facts_is_dropped_and_counted(changes: dict[str, Any], dropped: int) -> None:
    assert parse([{**SENTENCE, **changes}]) == Reply(wordings={}, relations=(), dropped=dropped)


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "Ana bought 2 kilns on 2025-06-19.", "facts": [3, 4]},
        {"text": "a" * MAX_WORDING_CHARS},
        {"text": "Pottery is what Ana does."},
    ],
    ids=["its own number and day", "as long as may be", "the topic"],
)
def test_a_sentence_may_say_all_that_its_facts_say(changes: dict[str, Any]) -> None:
    assert len(parse([{**SENTENCE, **changes}]).wordings) == 1


def test_unknown_numbers_are_dropped_and_the_sentence_stays_on_the_others() -> None:
    reply = parse([{**SENTENCE, "facts": [1, 2, 77, 5]}])
    (wording,) = reply.wordings.values()
    assert (wording.rests_on, reply.dropped) == ((FIRST.id, SECOND.id), 2)


def test_a_sentence_is_one_line_without_control_characters() -> None:
    (wording,) = parse([{**SENTENCE, "text": "Ana makes\nbowls\x1b and\tcups."}]).wordings.values()
    assert wording.text == "Ana makes bowls and cups."


def test_of_two_sentences_for_a_cluster_the_first_counts() -> None:
    reply = parse([SENTENCE, {**SENTENCE, "text": "Ana makes cups."}])
    assert ([each.text for each in reply.wordings.values()], reply.dropped) == (["Ana makes bowls and cups."], 1)


def test_a_cause_has_the_direction_that_it_was_given() -> None:
    assert parse(relations=[relation(5, 1)]).relations == (edge(WRIST, EdgeType.CAUSE, FIRST),)
    assert parse(relations=[relation(1, 5)]).relations == (edge(FIRST, EdgeType.CAUSE, WRIST),)


@pytest.mark.parametrize("ends", [(1, 5), (5, 1)])
def test_what_relates_goes_from_what_was_said_later(ends: tuple[int, int]) -> None:
    assert parse(relations=[relation(*ends, "RELATES")]).relations == (edge(WRIST, EdgeType.RELATES, FIRST),)


@pytest.mark.parametrize(
    "bad",
    [
        relation(1, 1),
        relation(1, 6),
        relation(0, 1),
        relation(-1, 1),
        relation(True, 2),
        relation("1", 2),
        relation(1, None),
        relation(1, 2, "PARENT"),
        relation(1, 2, "cause"),
        {**relation(1, 2), "text": "because"},
        "1 causes 2",
        None,
    ],
    ids=str,
)
def test_a_relation_joins_two_different_facts_that_were_shown(bad: object) -> None:
    reply = parse(relations=[bad, relation(2, 5)])
    assert (reply.relations, reply.dropped) == ((edge(SECOND, EdgeType.CAUSE, WRIST),), 1)


def test_of_two_relations_between_a_pair_the_first_counts() -> None:
    reply = parse(relations=[relation(1, 5), relation(5, 1), relation(1, 5, "RELATES")])
    assert (reply.relations, reply.dropped) == ((edge(FIRST, EdgeType.CAUSE, WRIST),), 2)


def test_there_are_no_more_relations_than_facts() -> None:
    pairs = [relation(one, other) for one in range(1, 6) for other in range(one + 1, 6)]
    reply = parse(relations=pairs)
    assert (len(pairs), len(reply.relations), reply.dropped) == (10, 5, 5)


@pytest.mark.parametrize(
    "garbage",
    ["", "I cannot.", "{", "}{", "[]", "null", '{"facts": []}', '{"summaries": {}}', '{"relations": 1}', "[" * 100_000],
)
def test_an_answer_that_is_nothing_of_the_kind_is_refused_as_a_whole(garbage: str) -> None:
    with pytest.raises(UnusableReplyError):
        parse_reply(garbage, INQUIRY, model="m")


def test_an_answer_may_be_wrapped_in_words() -> None:
    told = json.dumps({"summaries": [SENTENCE], "relations": []})
    assert len(parse_reply(f"Here:\n```json\n{told}\n```", INQUIRY, model="m").wordings) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["cluster", "text", "facts", "type", "from", "to"]), inner, max_size=6)
    ),
    max_leaves=20,
)
NUMBERS = st.integers(-1, 7)
SENTENCES = st.fixed_dictionaries(
    {"cluster": st.integers(0, 2), "text": st.text(max_size=500), "facts": st.lists(NUMBERS | JSON, max_size=7)}
)
RELATIONS = st.builds(relation, NUMBERS, NUMBERS, st.sampled_from(["CAUSE", "RELATES", "PARENT"]))


@settings(max_examples=100, deadline=None)
@given(st.lists(SENTENCES | JSON, max_size=4), st.lists(RELATIONS | JSON, max_size=9))
def test_whatever_is_answered_what_counts_keeps_the_rules(sentences: list[object], relations: list[object]) -> None:
    reply = parse(sentences, relations)
    children = set(INQUIRY.summaries[0].children)
    for wording in reply.wordings.values():
        assert 0 < len(wording.text) <= MAX_WORDING_CHARS
        assert len(set(wording.rests_on)) == len(wording.rests_on) >= 2
        assert set(wording.rests_on) <= children
    shown = {fact.id for fact in INQUIRY.facts}
    pairs = [frozenset((each.source, each.target)) for each in reply.relations]
    assert len(set(pairs)) == len(pairs) <= len(shown)
    assert all(len(pair) == 2 and pair <= shown for pair in pairs)
    assert reply.dropped >= len(sentences) + len(relations) - len(reply.wordings) - len(reply.relations)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.builds(json.dumps, JSON))
def test_whatever_a_server_sends_it_is_a_reply_or_refused(answer: str) -> None:
    with suppress(UnusableReplyError):
        parse_reply(answer, INQUIRY, model="m")


def test_the_schema_allows_the_numbers_that_were_given_and_no_others() -> None:
    schema = Draft202012Validator(build_schema(INQUIRY))
    good = {"summaries": [SENTENCE], "relations": [relation(5, 1)]}
    assert schema.is_valid(good)
    for bad in ({**SENTENCE, "cluster": 2}, {**SENTENCE, "facts": [6]}, {"cluster": 1, "text": "x"}):
        assert not schema.is_valid({**good, "summaries": [bad]})
    assert not schema.is_valid({**good, "relations": [relation(6, 1)]})
    assert not schema.is_valid({"summaries": []})


def test_without_a_cluster_no_summary_is_asked_for() -> None:
    schema = Draft202012Validator(build_schema(inquire(FIRST, WRIST)))
    assert schema.is_valid({"relations": []})
    assert not schema.is_valid({"summaries": [], "relations": []})


def test_the_prompts_example_is_of_the_form_that_is_sent_and_accepted() -> None:
    prompt = load_prompt("memos.organize", "tell_v1")
    shown, answered = prompt.split("Example input:")[1].split("Example answer:")
    example, material = json.loads(shown), json.loads(build_material(INQUIRY))
    for name in ("clusters", "facts"):
        assert example[name][0].keys() == material[name][0].keys()
    assert Draft202012Validator(build_schema(_as_exampled(example))).is_valid(json.loads(answered))


def _as_exampled(example: dict[str, Any]) -> Inquiry:
    """An inquiry of as many facts and clusters as the example has."""
    facts = [
        memory(each["number"], each["text"], key="" if each["number"] in (4, 6) else "pottery")
        for each in example["facts"]
    ]
    return inquire(*facts)
