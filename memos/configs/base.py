"""Strict pydantic models with JSON and YAML doors: an unknown field is an error that lists the known ones."""

import json
from pathlib import Path
from typing import Any, Self, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from memos.errors import InvalidConfig
from memos.settings import describe_validation_error


class BaseConfig(BaseModel):
    """The base of every configuration. Raises InvalidConfig instead of pydantic's own error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidConfig(_explain(type(self), error)) from None

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Check a mapping or an instance. Raises InvalidConfig."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise InvalidConfig(_explain(cls, error)) from None

    @classmethod
    def from_json_file(cls, path: str | Path) -> Self:
        """Read a JSON file. Raises InvalidConfig, naming the file."""
        return cls._from_text(Path(path), json.loads)

    @classmethod
    def from_yaml_file(cls, path: str | Path) -> Self:
        """Read a YAML file. Raises InvalidConfig, naming the file."""
        return cls._from_text(Path(path), yaml.safe_load)

    def to_json_file(self, path: str | Path) -> None:
        """Write the configuration as JSON, secrets masked."""
        Path(path).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def _from_text(cls, path: Path, parse: Any) -> Self:
        try:
            values = parse(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidConfig(f"cannot read {path}: {error.strerror}") from None
        except (ValueError, yaml.YAMLError) as error:
            raise InvalidConfig(f"{path} cannot be parsed: {error}") from None
        if not isinstance(values, dict):
            raise InvalidConfig(f"{path} must hold a mapping of fields, not {type(values).__name__}")
        try:
            return cls(**cast(dict[str, Any], values))
        except InvalidConfig as error:
            raise InvalidConfig(f"{path}: {error}") from None


def _explain(model: type[BaseModel], error: ValidationError) -> str:
    message = describe_validation_error(error, f"{model.__name__} field")
    if any(item["type"] == "extra_forbidden" for item in error.errors()):
        message += f"; known fields: {', '.join(sorted(model.model_fields))}"
    return message
