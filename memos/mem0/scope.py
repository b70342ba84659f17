"""Whose memories a call is about: user, agent and run, one of them at least. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from memos.errors import InvalidRequest
from memos.ids import MAX_ID_CHARS
from memos.recall.filters import WILDCARD, Every, parse_filter

ENTITIES: Final = ("user_id", "agent_id", "run_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """The ids that a call named."""

    ids: Mapping[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """What the index is asked for."""
        return tuple(build_label(name, value) for name, value in self.ids.items())


@dataclass(frozen=True, kw_only=True, slots=True)
class Narrowing:
    """A caller's filters: the part that the index decides, and the whole."""

    labels: tuple[str, ...]
    condition: Every


def parse_scope(*, user_id: object, agent_id: object, run_id: object) -> Scope:
    """The ids that are not None. Raises InvalidRequest when there is none, or for one that is no id."""
    given = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
    found = {name: parse_entity(value, name) for name, value in given.items() if value is not None}
    if not found:
        raise InvalidRequest(f"give at least one of {', '.join(ENTITIES)}: memories belong to somebody")
    if WILDCARD in found.values():
        raise InvalidRequest('"*" stands for anybody in filters, and names nobody here; give an id')
    return Scope(ids=found)


def parse_narrowing(filters: object) -> Narrowing:
    """The filters of a search. Raises InvalidRequest, also when they name nobody at their top level."""
    if filters is not None and not isinstance(filters, Mapping):
        raise InvalidRequest(f"filters must be a mapping, not {type(filters).__name__}")
    given = dict(cast(Mapping[str, Any], filters or {}))
    named = {name: _parse_named(given[name], name) for name in ENTITIES if name in given}
    if not named:
        raise InvalidRequest(f'filters must name at least one of {", ".join(ENTITIES)}, as in {{"user_id": "ana"}}')
    labels = tuple(build_label(name, value) for name, value in named.items() if value != WILDCARD)
    return Narrowing(labels=labels, condition=parse_filter({**given, **named}))


def parse_entity(value: object, name: str) -> str:
    """One id: mem0 takes numbers for texts and trims them. Raises InvalidRequest."""
    text = str(value).strip()
    if not text or any(letter.isspace() for letter in text):
        raise InvalidRequest(f"{name} is {value!r:.60}; give an id without white space")
    if len(text) > MAX_ID_CHARS or not text.isprintable():
        raise InvalidRequest(f"{name} must have at most {MAX_ID_CHARS} characters and none of control: {value!r:.60}")
    return text


def build_label(name: str, value: str) -> str:
    """A property of a memory by which the index finds it."""
    return f"{name}={value}"


def _parse_named(value: object, name: str) -> str:
    if value is None or isinstance(value, bool | Mapping | list | tuple):
        raise InvalidRequest(
            f'filters[{name!r}] must be an id or "*", not {value!r:.60}; for other tests on it add '
            f'{{"AND": [{{{name!r}: ...}}]}} beside one of {", ".join(ENTITIES)}'
        )
    return parse_entity(value, name)
