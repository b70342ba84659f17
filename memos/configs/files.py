"""Files that hold one mapping."""

import json
from collections.abc import Callable
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


def _load(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    try:
        values = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfig(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidConfig(f"{path} cannot be parsed: {error}") from None
    if not isinstance(values, dict):
        raise InvalidConfig(f"{path} must hold a mapping of fields, not {type(values).__name__}")
    return cast(dict[str, Any], values)
