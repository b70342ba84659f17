"""A configuration file of whatever kind: read, recognised, and asked which providers it names."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from yaml import MarkedYAMLError

from memos.configs.files import load_json, load_yaml
from memos.errors import InvalidConfig
from memos.local.providers.masking import find_likely_secrets, mask
from memos.local.providers.mentions import Mention, find_mentions
from memos.local.providers.recognise import recognise

_MAX_DEPTH: Final = 40
_MAX_VALUES: Final = 100_000


def load_mentions(path: Path) -> list[Mention]:
    """The language models and embedders that the file names. Raises InvalidConfig, which shows no secret of it."""
    values = _load(path)
    try:
        return list(find_mentions(recognise(values)))
    except InvalidConfig as error:
        raise InvalidConfig(mask(str(error), list(find_likely_secrets(values)))) from None


def _load(path: Path) -> dict[str, Any]:
    load = load_json if path.suffix == ".json" else load_yaml
    try:
        values = load(path)
    except RecursionError:
        raise InvalidConfig(f"{path} is nested too deeply") from None
    except InvalidConfig as error:
        raise _without_contents(path, error) from None
    _check_shape(values, path)
    return values


def _without_contents(path: Path, error: InvalidConfig) -> InvalidConfig:
    """YAML's own errors quote the line, which may hold a key."""
    cause = error.__context__
    if not isinstance(cause, MarkedYAMLError) or cause.problem_mark is None:
        return error
    mark = cause.problem_mark
    return InvalidConfig(f"{path} cannot be parsed: {cause.problem} in line {mark.line + 1}, column {mark.column + 1}")


def _check_shape(values: dict[str, Any], path: Path) -> None:
    """YAML can say what JSON cannot: names that are no text, and values that contain themselves or are a million."""
    for count, (name, depth) in enumerate(_walk(values, 0)):
        if not isinstance(name, str):
            raise InvalidConfig(f"{path} has the field {name!r:.40}, which is no text; put it in quotes")
        if depth > _MAX_DEPTH or count > _MAX_VALUES:
            raise InvalidConfig(f"{path} is nested too deeply, or too large for a configuration")


def _walk(value: object, depth: int) -> Iterator[tuple[object, int]]:
    """The name of every field with its depth, lazily."""
    if isinstance(value, Mapping):
        for name, item in cast(Mapping[object, object], value).items():
            yield name, depth
            yield from _walk(item, depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(cast(list[object], value)):
            yield str(number), depth
            yield from _walk(item, depth + 1)
