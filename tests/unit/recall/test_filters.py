"""Conditions on fields: what each operator finds, how they join, and what is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import InvalidRequest
from memos.recall.filters import MAX_DEPTH, MAX_TESTS, MAX_VALUES, matches, parse_filter, write_filter

FIELDS: dict[str, Any] = {
    "name": "Ana Lima",
    "n": 3,
    "ratio": 0.5,
    "done": True,
    "off": False,
    "zero": 0,
    "tags": ["Red", "blue", 7],
    "day": "2026-03-10",
    "at": "2026-03-10T09:00:00+02:00",
    "nothing": None,
    "deep": {"a": 1},
}


def holds(condition: object, fields: dict[str, Any] = FIELDS) -> bool:
    return matches(parse_filter(condition), fields)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"n": 3}, True),
        ({"n": 3.0}, True),
        ({"n": "3"}, False),
        ({"done": True}, True),
        ({"done": 1}, False),
        ({"zero": False}, False),
        ({"off": False}, True),
        ({"n": {"eq": 3}}, True),
        ({"n": {"eq": 4}}, False),
        ({"tags": {"eq": "Red"}}, False),
        ({"n": {"ne": 4}}, True),
        ({"n": {"ne": 3}}, False),
        ({"n": {"ne": "3"}}, True),
        ({"n": {"gt": 2}}, True),
        ({"n": {"gt": 3}}, False),
        ({"n": {"gte": 3}}, True),
        ({"n": {"gte": 3.5}}, False),
        ({"n": {"lt": 3.5}}, True),
        ({"n": {"lt": 3}}, False),
        ({"n": {"lte": 3}}, True),
        ({"n": {"lte": 2}}, False),
        ({"n": {"gt": 2, "lt": 4}}, True),
        ({"n": {"gt": 2, "lt": 3}}, False),
        ({"n": {"gt": "2"}}, False),
        ({"n": {"lt": "9"}}, False),
        ({"done": {"gte": 0}}, False),
        ({"name": {"gt": "Ana"}}, True),
        ({"day": {"lt": "2026-03-10T00:00:01"}}, True),
        ({"at": {"lt": "2026-03-10T08:00:00+00:00"}}, True),
        ({"at": {"gte": "2026-03-10T07:00:00Z"}}, True),
        ({"at": {"gt": "2026-03-10T07:00:00Z"}}, False),
        ({"n": {"in": [1, 3]}}, True),
        ({"n": {"in": [1, "3"]}}, False),
        ({"n": {"in": []}}, False),
        ({"n": [1, 3]}, True),
        ({"n": [1, 2]}, False),
        ({"n": {"nin": [1, 2]}}, True),
        ({"n": {"nin": [3]}}, False),
        ({"n": {"nin": []}}, True),
        ({"name": {"contains": "Lima"}}, True),
        ({"name": {"contains": "lima"}}, False),
        ({"tags": {"contains": "Red"}}, True),
        ({"tags": {"contains": "red"}}, False),
        ({"tags": {"contains": 7}}, True),
        ({"tags": {"contains": "e"}}, False),
        ({"n": {"contains": 3}}, False),
        ({"name": {"icontains": "LIMA"}}, True),
        ({"name": {"icontains": "lisa"}}, False),
        ({"tags": {"icontains": "RED"}}, True),
        ({"tags": {"icontains": "re"}}, False),
        ({"n": {"icontains": "3"}}, False),
        ({"name": "*"}, True),
        ({"off": "*"}, True),
        ({"nothing": "*"}, False),
        ({"absent": "*"}, False),
        ({"name": {"eq": "*"}}, False),
        ({"deep": "*"}, True),
        ({"deep": {"contains": "a"}}, False),
        ({"tags": {"in": ["Red"]}}, False),
        ({}, True),
    ],
)
def test_each_operator_finds_what_it_says(condition: object, expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize("test", [1, {"ne": 1}, {"nin": [1]}, {"gt": 0}, {"contains": "x"}, "*"])
@pytest.mark.parametrize("field", ["absent", "nothing"])
def test_every_test_asks_for_the_field_to_be_there(field: str, test: object) -> None:
    assert holds({field: test}) is False
    assert holds({"NOT": [{field: test}]}) is True


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"n": 3, "done": True}, True),
        ({"n": 3, "done": False}, False),
        ({"AND": [{"n": 3}, {"done": True}]}, True),
        ({"AND": [{"n": 3}, {"done": False}]}, False),
        ({"AND": []}, True),
        ({"OR": [{"n": 4}, {"done": True}]}, True),
        ({"OR": [{"n": 4}, {"done": False}]}, False),
        ({"NOT": [{"n": 4}, {"done": False}]}, True),
        ({"NOT": [{"n": 4}, {"done": True}]}, False),
        ({"NOT": [{"n": 3, "done": False}]}, True),
        ({"n": 3, "OR": [{"n": 4}]}, False),
        ({"OR": [{"AND": [{"n": 3}, {"NOT": [{"OR": [{"zero": 1}, {"absent": "*"}]}]}]}, {"n": 9}]}, True),
        ({"NOT": [{"NOT": [{"NOT": [{"n": 3}]}]}]}, False),
    ],
)
def test_filters_join_and_nest(condition: object, expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ([{"n": 3}], "filters must be a mapping, not list"),
        ({"n": {"$gt": 3}}, r"filters\['n'\]: unknown operator '\$gt'; known: eq, ne, gt, .*icontains"),
        ({"n": {}}, "names no operator; known: eq"),
        ({"n": {"in": 3}}, r"\.in must be a list of values, not int"),
        ({"n": {"nin": "ab"}}, r"\.nin must be a list"),
        ({"n": {"eq": [3]}}, r"\.eq must be a text, a number or a boolean, not list"),
        ({"n": {"gt": True}}, "gt is True; give a number"),
        ({"n": {"icontains": 3}}, "icontains must be a text"),
        ({"n": {"gt": float("nan")}}, "nothing can be compared"),
        ({"n": None}, r'is null; .*"NOT"'),
        ({"n": [None]}, "is null"),
        ({"n": object()}, "must be a text, a number or a boolean, not object"),
        ({"n": [{"n": 3}]}, "not dict"),
        ({3: 3}, "the name of a field must be a text"),
        ({"": 3}, "the name of a field must be a text"),
        ({"AND": {"n": 3}}, r"filters\.AND must be a list of filters, not dict"),
        ({"OR": []}, r"filters\.OR is empty"),
        ({"NOT": []}, r"filters\.NOT is empty"),
        ({"NOT": {"n": 3}}, r"filters\.NOT must be a list"),
        ({"OR": [{"n": 3}, 4]}, r"filters\.OR\[1\] must be a mapping, not int"),
        ({"OR": [{"AND": [{"n": {"is": 3}}]}]}, r"filters\.OR\[0\]\.AND\[0\]\['n'\]: unknown operator 'is'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(condition: object, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        parse_filter(condition)


def test_depth_and_size_are_bounded() -> None:
    deep: dict[str, Any] = {"n": 3}
    for _ in range(MAX_DEPTH - 1):
        deep = {"AND": [deep]}
    assert holds(deep)
    with pytest.raises(InvalidRequest, match="deeper than 8"):
        parse_filter({"AND": [deep]})
    endless: dict[str, Any] = {}
    endless["AND"] = [endless]
    with pytest.raises(InvalidRequest, match="deeper than 8"):
        parse_filter(endless)
    parse_filter({f"f{number}": 1 for number in range(MAX_TESTS)})
    with pytest.raises(InvalidRequest, match="more than 256 tests"):
        parse_filter({f"f{number}": 1 for number in range(MAX_TESTS + 1)})
    with pytest.raises(InvalidRequest, match="more than 10,000 values"):
        parse_filter({"n": {"in": list(range(MAX_VALUES + 1))}})


_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
_OPERANDS = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)


@given(found=_VALUES | st.lists(_VALUES, max_size=3), operand=_OPERANDS)
def test_opposite_operators_divide_the_memories_that_have_the_field(found: Any, operand: Any) -> None:
    fields = {"f": found}
    there = found is not None
    assert holds({"f": {"eq": operand}}, fields) + holds({"f": {"ne": operand}}, fields) == there
    assert holds({"f": {"in": [operand]}}, fields) + holds({"f": {"nin": [operand]}}, fields) == there
    assert holds({"f": {"in": [operand]}}, fields) == holds({"f": {"eq": operand}}, fields)


@given(found=_VALUES, operand=_OPERANDS.filter(lambda value: not isinstance(value, bool)))
def test_what_has_an_order_is_before_equal_or_behind(found: Any, operand: Any) -> None:
    fields = {"f": found}
    before, behind = holds({"f": {"lt": operand}}, fields), holds({"f": {"gt": operand}}, fields)
    assert not (before and behind)
    if holds({"f": {"gte": operand}}, fields) or before:
        assert holds({"f": {"gte": operand}}, fields) is not before
        assert holds({"f": {"lte": operand}}, fields) is not behind


_TESTS = (
    _OPERANDS
    | st.lists(_OPERANDS, max_size=2)
    | st.dictionaries(st.sampled_from(["eq", "ne", "contains"]), _OPERANDS, min_size=1)
    | st.fixed_dictionaries({"in": st.lists(_OPERANDS, max_size=2), "nin": st.lists(_OPERANDS, max_size=2)})
)
_FILTERS = st.recursive(
    st.dictionaries(st.sampled_from(["a", "b", "info.c"]), _TESTS, max_size=2),
    lambda inner: st.dictionaries(
        st.sampled_from(["AND", "OR", "NOT"]), st.lists(inner, min_size=1, max_size=2), max_size=2
    ),
    max_leaves=4,
)


@given(condition=_FILTERS)
def test_what_was_read_can_be_written_and_read_again(condition: dict[str, Any]) -> None:
    parsed = parse_filter(condition)
    assert parse_filter(write_filter(parsed)) == parsed


def test_a_written_filter_is_nested_no_deeper() -> None:
    deep: dict[str, Any] = {"n": "*", "m": {"gt": 1, "lt": 3}}
    for _ in range(MAX_DEPTH - 1):
        deep = {"OR": [deep, {"n": "x"}], "NOT": [{"k": ["a", "b"]}]}
    assert parse_filter(write_filter(parse_filter(deep))) == parse_filter(deep)
