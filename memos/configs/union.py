"""The shape of every configuration with a choice: ``{"backend": NAME, "config": {...}}``."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import GetJsonSchemaHandler, SerializeAsAny, model_validator
from pydantic_core import CoreSchema

from memos.configs.base import BaseConfig
from memos.errors import InvalidConfig


class BackendConfig(BaseConfig):
    """A backend's name with the configuration that belongs to it.

    A subclass fills ``known``; ``config`` may be given as a mapping or as an instance of the right class. Raises
    InvalidConfig, listing the known names, for an unknown backend.
    """

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {}

    backend: str
    config: SerializeAsAny[BaseConfig]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema of a choice: which ``config`` belongs to which ``backend``."""
        described = super().__get_pydantic_json_schema__(core_schema, handler)
        resolved = handler.resolve_ref_schema(described)
        resolved["properties"]["backend"] = {"enum": sorted(cls.known)}
        resolved["properties"].pop("config")
        resolved["oneOf"] = [
            {"properties": {"backend": {"const": name}, "config": _describe(known, handler)}}
            for name, known in sorted(cls.known.items())
        ]
        resolved["required"] = ["backend"]
        resolved["unevaluatedProperties"] = False
        resolved.pop("additionalProperties", None)
        return described

    @model_validator(mode="before")
    @classmethod
    def _choose(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        given = dict(cast(Mapping[str, Any], values))
        chosen = cls._config_class(given.get("backend"))
        if chosen is not None:
            given["config"] = chosen.model_validate(given.get("config", {}))
        return given

    @classmethod
    def _config_class(cls, backend: object) -> type[BaseConfig] | None:
        if not isinstance(backend, str):
            return None  # missing or of another type: pydantic reports the field
        if backend not in cls.known:
            names = ", ".join(sorted(cls.known))
            raise InvalidConfig(f"{cls.__name__} field backend: unknown backend {backend!r}; known: {names}")
        return cls.known[backend]


def _describe(config: type[BaseConfig], handler: GetJsonSchemaHandler) -> dict[str, Any]:
    # The handler, asked for another class than its own, leaves out what that class adds.
    return config.__get_pydantic_json_schema__(config.__pydantic_core_schema__, handler)
