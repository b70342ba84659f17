"""Files that hold one mapping."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from memos.errors import InvalidConfig

_MAX_DEPTH: Final = 40
_MAX_VALUES: Final = 100_000


def load_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a file of either kind, JSON if its name says so and else YAML. Raises InvalidConfig."""
    return load_json(path) if path.suffix == ".json" else load_yaml(path)


def load_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises InvalidConfig, naming the file."""
    return _load(path, json.loads)


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises InvalidConfig, naming the file."""
    return _load(path, yaml.safe_load)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object as JSON. Raises InvalidConfig, naming the file."""
    try:
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidConfig(f"cannot write {path}: {error.strerror}; name a file in a directory that exists") from None


def _load(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        values = parse(path.read_text(encoding="utf-8"))
        _check_shape(path, values)
    except OSError as error:
        raise InvalidConfig(f"cannot read {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InvalidConfig(f"{path} cannot be parsed: {_explain_yaml(error)}") from None
    except ValueError as error:
        raise InvalidConfig(f"{path} cannot be parsed: {error}") from None
    except RecursionError:
        raise InvalidConfig(f"{path} cannot be parsed: it is nested too deeply") from None
    if not isinstance(values, dict):
        raise InvalidConfig(f"{path} must hold a mapping of fields, not {type(values).__name__}")
    return cast(dict[str, Any], values)


def _explain_yaml(error: yaml.YAMLError) -> str:
    """Where and what, without the line itself, which may hold a key."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return "it is no YAML"
    mark = error.problem_mark
    return f"{error.problem or 'it is no YAML'} (line {mark.line + 1}, column {mark.column + 1})"


def _check_shape(path: Path, values: object) -> None:
    """YAML can say what JSON cannot: names that are no text, and values that contain themselves or are a million."""
    for count, (name, depth) in enumerate(_walk(values, 0)):
        if not isinstance(name, str):
            raise InvalidConfig(f"{path}: the field {name!r:.40} has a name that is no text; put it in quotes")
        if depth > _MAX_DEPTH or count > _MAX_VALUES:
            raise InvalidConfig(f"{path} is nested too deeply, or too large for a configuration")


def _walk(value: object, depth: int) -> Iterator[tuple[object, int]]:
    """The name of every field with its depth, lazily; a list's items are named by their places."""
    if isinstance(value, Mapping):
        named = cast(Mapping[object, object], value).items()
    elif isinstance(value, list):
        named = ((str(place), item) for place, item in enumerate(cast(list[object], value)))
    else:
        return
    for name, item in named:
        yield name, depth
        yield from _walk(item, depth + 1)
