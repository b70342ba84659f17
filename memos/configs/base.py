"""Strict pydantic models with JSON and YAML doors: an unknown field is an error that lists the known ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema

from memos.configs.files import load_json, load_yaml, write_json
from memos.errors import InvalidConfig
from memos.settings import describe_validation_error

MODEL_SCHEMA: Final = "model_schema"
# What MemOS writes where it does not know.
_NOT_SET: Final = "NOT_SET"


class BaseConfig(BaseModel):
    """The base of every configuration. Raises InvalidConfig instead of pydantic's own error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @property
    def model_schema(self) -> str:
        """The class in full, as MemOS writes it into its files."""
        return schema_name(type(self))

    @model_validator(mode="before")
    @classmethod
    def _check_model_schema(cls, values: Any) -> Any:
        """A file may say which class it is for; another one's is refused."""
        if not isinstance(values, Mapping) or MODEL_SCHEMA not in values:
            return values
        given = dict(cast(Mapping[str, Any], values))
        named = given.pop(MODEL_SCHEMA)
        if named not in (schema_name(cls), _NOT_SET):
            raise InvalidConfig(f"{MODEL_SCHEMA} is {named!r:.100}, but this is read as {schema_name(cls)}")
        return given

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of a file: with ``model_schema``, and with every name that a field may be given under."""
        described = handler(core_schema)
        resolved = handler.resolve_ref_schema(described)
        resolved.setdefault("properties", {})[MODEL_SCHEMA] = {"enum": [schema_name(cls), _NOT_SET]}
        for names in _other_names(cls):
            _describe_names(resolved, names)
        return described

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
        return cls._from_mapping(path, load_json(Path(path)))

    @classmethod
    def from_yaml_file(cls, path: str | Path) -> Self:
        """Read a YAML file. Raises InvalidConfig, naming the file."""
        return cls._from_mapping(path, load_yaml(Path(path)))

    def to_json_file(self, path: str | Path) -> None:
        """Write the configuration as JSON with its ``model_schema``, secrets masked. Raises InvalidConfig."""
        values = {MODEL_SCHEMA: self.model_schema, **self.model_dump(mode="json")}
        write_json(Path(path), values)

    @classmethod
    def _from_mapping(cls, path: str | Path, values: dict[str, Any]) -> Self:
        try:
            return cls(**values)
        except InvalidConfig as error:
            raise InvalidConfig(f"{path}: {error}") from None


def schema_name(model: type[BaseModel]) -> str:
    """The name of a configuration's class, with its module."""
    return f"{model.__module__}.{model.__qualname__}"


def _other_names(model: type[BaseModel]) -> list[list[str]]:
    """The names of each field that has more than one."""
    choices = [field.validation_alias for field in model.model_fields.values()]
    return [[str(name) for name in found.choices] for found in choices if isinstance(found, AliasChoices)]


def _describe_names(described: dict[str, Any], names: Sequence[str]) -> None:
    first, *others = names
    described["properties"] |= dict.fromkeys(others, described["properties"][first])
    if first in described.get("required", []):
        described["required"].remove(first)
        described.setdefault("allOf", []).append({"anyOf": [{"required": [name]} for name in names]})


def _explain(model: type[BaseModel], error: ValidationError) -> str:
    message = describe_validation_error(error, f"{model.__name__} field")
    if any(item["type"] == "extra_forbidden" for item in error.errors()):
        message += f"; known fields: {', '.join(sorted(model.model_fields))}"
    return message
