"""Conditions on the fields of a memory, in the grammar that mem0's users know. Pure.

    filter     {FIELD: test, ..., "AND": [filter, ...], "OR": [filter, ...], "NOT": [filter, ...]}      all must hold
    test       VALUE                      the field has this value
               [VALUE, ...]               the field has one of these values
               "*"                        the field is there
               {OPERATOR: operand, ...}   eq ne gt gte lt lte in nin contains icontains; all must hold

Every test asks for the field to be there, and null counts as absent: ``ne`` and ``nin`` too say nothing of a memory
without the field. NOT means that none of its filters holds, and so finds these as well. Values of two types are never
equal nor in order, but 1 and 1.0 are one value. Two strings that are both ISO 8601 times are compared as times (UTC
where no offset is given), other strings by their characters. ``contains`` looks for a part of a string or an element
of a list, ``icontains`` does so without regard to case.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final, cast

from memos.errors import InvalidRequest

MAX_DEPTH: Final = 8
MAX_TESTS: Final = 256
MAX_VALUES: Final = 10_000
MAX_NAME_CHARS: Final = 256
WILDCARD: Final = "*"

Value = str | int | float | bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """The field is there."""

    field: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The field is there and stands in this relation to the operand: a value, or for ``in`` and ``nin`` several."""

    field: str
    operator: str
    operand: Value | tuple[Value, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """All parts hold; so do none at all."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Neither:
    """No part holds."""

    parts: tuple["Filter", ...]


Filter = Present | Comparison | Every | Some | Neither
_JOINS: Final[Mapping[str, type[Every] | type[Some] | type[Neither]]] = {"AND": Every, "OR": Some, "NOT": Neither}
_NAMES: Final = {kind: name for name, kind in _JOINS.items()}


def parse_filter(given: object) -> Every:
    """The filter that a caller wrote. Raises InvalidRequest, naming the operator or the place that is wrong."""
    return _Parser().parse(given, "filters", MAX_DEPTH)


def write_filter(condition: Every) -> dict[str, Any]:
    """What ``parse_filter`` makes this condition of, if it has made it."""
    written: dict[str, Any] = {}
    for part in condition.parts:
        match part:
            case Present(field=field):
                written[field] = WILDCARD
            case Comparison(field=field, operator=operator, operand=operand):
                test = list(operand) if isinstance(operand, tuple) else operand
                written.setdefault(field, {})[operator] = test
            case Every(parts=parts) | Some(parts=parts) | Neither(parts=parts):
                written[_NAMES[type(part)]] = [write_filter(cast(Every, each)) for each in parts]
    return written


def matches(condition: Filter, fields: Mapping[str, Any]) -> bool:
    """Whether a memory with these fields satisfies the condition."""
    match condition:
        case Every(parts=parts):
            return all(matches(part, fields) for part in parts)
        case Some(parts=parts):
            return any(matches(part, fields) for part in parts)
        case Neither(parts=parts):
            return not any(matches(part, fields) for part in parts)
        case Present(field=field):
            return fields.get(field) is not None
        case Comparison():
            found = fields.get(condition.field)
            return found is not None and _OPERATORS[condition.operator](found, condition.operand)


class _Parser:
    """Counts what it has read, so that a filter cannot cost more than it says."""

    def __init__(self) -> None:
        self._tests = 0
        self._values = 0

    def parse(self, given: object, where: str, depth: int) -> Every:
        if not isinstance(given, Mapping):
            raise InvalidRequest(f"{where} must be a mapping, not {type(given).__name__}")
        if depth == 0:
            raise InvalidRequest(f"filters are nested deeper than {MAX_DEPTH} levels")
        parts: list[Filter] = []
        for name, value in cast(Mapping[object, object], given).items():
            if isinstance(name, str) and name in _JOINS:
                parts.append(self._join(name, value, f"{where}.{name}", depth))
            else:
                parts.extend(self._tests_of(_parse_name(name, where), value, f"{where}[{name!r:.80}]"))
        return Every(parts=tuple(parts))

    def _join(self, name: str, given: object, where: str, depth: int) -> Filter:
        if not isinstance(given, list | tuple):
            raise InvalidRequest(f"{where} must be a list of filters, not {type(given).__name__}")
        listed = cast(Sequence[object], given)
        if not listed and name != "AND":
            raise InvalidRequest(f"{where} is empty; name at least one filter")
        parts = [self.parse(each, f"{where}[{position}]", depth - 1) for position, each in enumerate(listed)]
        return _JOINS[name](parts=tuple(parts))

    def _tests_of(self, field: str, given: object, where: str) -> list[Filter]:
        if isinstance(given, Mapping):
            operators = cast(Mapping[object, object], given)
            if not operators:
                raise InvalidRequest(f"{where} names no operator; known: {', '.join(_OPERATORS)}")
            return [self._test(field, name, operand, where) for name, operand in operators.items()]
        if given == WILDCARD:
            self._count_test()
            return [Present(field=field)]
        return [self._test(field, "in" if isinstance(given, list | tuple) else "eq", given, where)]

    def _test(self, field: str, operator: object, given: object, where: str) -> Comparison:
        self._count_test()
        if not isinstance(operator, str) or operator not in _OPERATORS:
            raise InvalidRequest(f"{where}: unknown operator {operator!r:.40}; known: {', '.join(_OPERATORS)}")
        if operator in _OF_SEVERAL:
            if not isinstance(given, list | tuple):
                raise InvalidRequest(f"{where}.{operator} must be a list of values, not {type(given).__name__}")
            listed = cast(Sequence[object], given)
            operand = tuple(self._value(each, f"{where}.{operator}") for each in listed)
            return Comparison(field=field, operator=operator, operand=operand)
        value = self._value(given, f"{where}.{operator}")
        if operator in _OF_ORDER and isinstance(value, bool):
            raise InvalidRequest(f"{where}.{operator} is {value}; give a number, a text or a time")
        if operator == "icontains" and not isinstance(value, str):
            raise InvalidRequest(f"{where}.icontains must be a text, not {type(value).__name__}")
        return Comparison(field=field, operator=operator, operand=value)

    def _value(self, given: object, where: str) -> Value:
        self._values += 1
        if self._values > MAX_VALUES:
            raise InvalidRequest(f"filters hold more than {MAX_VALUES:,} values; ask in several searches")
        if given is None:
            raise InvalidRequest(f'{where} is null; to find memories without the field use {{"NOT": [{{FIELD: "*"}}]}}')
        if not isinstance(given, str | int | float):
            raise InvalidRequest(f"{where} must be a text, a number or a boolean, not {type(given).__name__}")
        if isinstance(given, float) and not isfinite(given):
            raise InvalidRequest(f"{where} is {given}, which nothing can be compared with")
        return given

    def _count_test(self) -> None:
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise InvalidRequest(f"filters hold more than {MAX_TESTS} tests; ask in several searches")


def _parse_name(name: object, where: str) -> str:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME_CHARS:
        raise InvalidRequest(f"{where}: the name of a field must be a text of 1 to {MAX_NAME_CHARS} characters")
    return name


def _equal(found: object, operand: object) -> bool:
    if isinstance(found, bool) or isinstance(operand, bool):
        return found is operand
    if isinstance(found, int | float) and isinstance(operand, int | float):
        return found == operand
    return isinstance(found, str) and found == operand


def _among(found: object, operands: object) -> bool:
    return any(_equal(found, each) for each in cast(tuple[Value, ...], operands))


def _order(found: object, operand: object) -> int | None:
    """-1, 0 or 1 for before, equal or behind; None for what has no order."""
    if isinstance(found, bool) or isinstance(operand, bool):
        return None
    if isinstance(found, int | float) and isinstance(operand, int | float):
        return (found > operand) - (found < operand)
    if not isinstance(found, str) or not isinstance(operand, str):
        return None
    times = find_time(found), find_time(operand)
    if times[0] is not None and times[1] is not None:
        return (times[0] > times[1]) - (times[0] < times[1])
    return (found > operand) - (found < operand)


def find_time(text: str) -> datetime | None:
    """The time that a text says in ISO 8601, UTC where no offset is given; None for any other text."""
    if text[4:5] != "-":  # fromisoformat takes any eight digits for a day
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _contains(found: object, operand: object) -> bool:
    if isinstance(found, list):
        return any(_equal(each, operand) for each in cast(list[object], found))
    return isinstance(found, str) and isinstance(operand, str) and operand in found


def _contains_in_any_case(found: object, operand: object) -> bool:
    wanted = cast(str, operand).casefold()
    if isinstance(found, list):
        return any(isinstance(each, str) and each.casefold() == wanted for each in cast(list[object], found))
    return isinstance(found, str) and wanted in found.casefold()


_OPERATORS: Final[Mapping[str, Callable[[object, object], bool]]] = {
    "eq": _equal,
    "ne": lambda found, operand: not _equal(found, operand),
    "gt": lambda found, operand: _order(found, operand) == 1,
    "gte": lambda found, operand: _order(found, operand) in (0, 1),
    "lt": lambda found, operand: _order(found, operand) == -1,
    "lte": lambda found, operand: _order(found, operand) in (0, -1),
    "in": _among,
    "nin": lambda found, operands: not _among(found, operands),
    "contains": _contains,
    "icontains": _contains_in_any_case,
}
_OF_SEVERAL: Final = ("in", "nin")
_OF_ORDER: Final = ("gt", "gte", "lt", "lte")
