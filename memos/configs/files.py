"""Files that hold one mapping."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from memos.errors import InvalidConfig


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
        _refuse_other_keys(path, values)
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


def _refuse_other_keys(path: Path, value: Any) -> None:
    """In YAML a key may be a number or a date; a field's name is text."""
    match value:
        case dict():
            for key, each in cast(dict[Any, Any], value).items():
                if not isinstance(key, str):
                    raise InvalidConfig(f"{path}: the field {key!r:.40} has a name that is no text; put it in quotes")
                _refuse_other_keys(path, each)
        case list():
            for each in cast(list[Any], value):
                _refuse_other_keys(path, each)
        case _:
            pass
