"""The fields that an application wants of each fact: the part of JSON Schema that every model's server understands.

    {"type": "object", "properties": {NAME: {"type", "description", "enum", "items"}, ...}, "required": [NAME, ...]}

A pydantic class may be given instead, as long as its fields are texts, numbers, truth values, enums or lists of those.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import BaseModel, Field, StrictInt, StrictStr, StringConstraints, model_validator

from memos.configs.base import BaseConfig
from memos.errors import InvalidConfig

MAX_FIELDS: Final = 16
MAX_CHOICES: Final = 100
# What pydantic writes beside, and what means nothing to a model.
_IGNORED: Final = frozenset({"title", "default", "examples"})
_DEFINITIONS: Final = "$defs"
_REFERENCE: Final = f"#/{_DEFINITIONS}/"
_NULL: Final = {"type": "null"}

FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Choices = Annotated[tuple[StrictStr | StrictInt, ...], Field(min_length=1, max_length=MAX_CHOICES)]


class ScalarField(BaseConfig):
    """One value, which may be one of a few."""

    type: Literal["string", "integer", "number", "boolean"]
    description: str = Field(default="", max_length=300)
    enum: Choices | None = None


class FactField(BaseConfig):
    """One value, or a list of them with ``items``."""

    type: Literal["string", "integer", "number", "boolean", "array"]
    description: str = Field(default="", max_length=300)
    enum: Choices | None = None
    items: ScalarField | None = None

    @model_validator(mode="after")
    def _check_items(self) -> Self:
        if (self.type == "array") != (self.items is not None):
            raise InvalidConfig("fact_schema: items belong to a field of type array, and every such field needs them")
        return self


class FactSchema(BaseConfig):
    """The extra fields of each fact. A fact without a ``required`` one is dropped."""

    type: Literal["object"] = "object"
    properties: dict[FieldName, FactField] = Field(min_length=1, max_length=MAX_FIELDS)
    required: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _simplify(cls, given: Any) -> Any:
        if isinstance(given, type) and issubclass(given, BaseModel):
            given = given.model_json_schema()
        if not isinstance(given, Mapping):
            return given
        schema = dict(cast(Mapping[str, Any], given))
        definitions = schema.pop(_DEFINITIONS, {})
        if isinstance(schema.get("properties"), Mapping):
            fields = cast(Mapping[str, Any], schema["properties"])
            schema["properties"] = {name: _plain(field, definitions) for name, field in fields.items()}
        # A class's docstring is about the class, and tells a model nothing of a field.
        return {key: value for key, value in schema.items() if key not in {"title", "description"}}

    @model_validator(mode="after")
    def _check_required(self) -> Self:
        unknown = sorted(set(self.required) - set(self.properties))
        if unknown:
            raise InvalidConfig(f"fact_schema requires {unknown[0]!r:.80}, which is none of its properties")
        return self


def _plain(field: Any, definitions: Mapping[str, Any]) -> Any:
    """A field without references, without "or null", since each may be null, and without pydantic's titles."""
    if not isinstance(field, Mapping):
        return field
    given = {key: value for key, value in cast(Mapping[str, Any], field).items() if key not in _IGNORED}
    choices = given.pop("anyOf", None)
    if isinstance(choices, list):
        chosen = [choice for choice in cast(list[Any], choices) if choice != _NULL]
        if len(chosen) != 1:
            raise InvalidConfig("fact_schema: a field of several types is not supported; give it one")
        return {**_plain(chosen[0], definitions), **given}
    reference = str(given.pop("$ref", ""))
    if reference:
        named = definitions.get(reference.removeprefix(_REFERENCE))
        if not isinstance(named, Mapping) or "properties" in named:
            raise InvalidConfig(f"fact_schema: {reference!r:.80} is no enum of its $defs; fields cannot be nested")
        # The docstring of an enum, too, is about the class.
        enum = {key: value for key, value in cast(Mapping[str, Any], named).items() if key != "description"}
        return {**_plain(enum, {}), **given}
    if "items" in given:
        given["items"] = _plain(given["items"], definitions)
    return given
