"""Which configuration a file's mapping is: by the ``model_schema`` that it names, else by what fits; pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from memos.configs.base import MODEL_SCHEMA, BaseConfig, schema_name
from memos.configs.catalog import CONFIGS
from memos.configs.union import BackendConfig
from memos.errors import InvalidConfig
from memos.mem0.config import config_from_mem0

# Sections by which mem0's dictionary is known.
_MEM0_SIGNS: Final = ("embedder", "llm", "vector_store")
_NOT_SET: Final = (None, "NOT_SET")


def recognise(values: Mapping[str, Any]) -> BaseConfig:
    """The checked configuration. Raises InvalidConfig when nothing fits, with what is wrong with what fits best.

    A choice that several kinds know, as ``{"backend": "openai", ...}``, is the first of them that it is valid as.
    mem0's dictionary is told by its sections, which choose a ``provider`` where ours choose a ``backend``.
    """
    if _is_mem0(values):
        return config_from_mem0(values)
    errors: dict[str, InvalidConfig] = {}
    for model in _find_candidates(values):
        try:
            return model.model_validate(values)
        except InvalidConfig as error:
            errors[model.__name__] = error
    if len(errors) == 1:
        raise next(iter(errors.values()))
    raise InvalidConfig("; ".join(f"as {name}: {error}" for name, error in errors.items()))


def _is_mem0(values: Mapping[str, Any]) -> bool:
    sections = [cast(Mapping[str, Any], each) for each in map(values.get, _MEM0_SIGNS) if isinstance(each, Mapping)]
    chosen = any("provider" in section or "config" in section for section in sections)
    return chosen and all("backend" not in section for section in sections)


def _find_candidates(values: Mapping[str, Any]) -> Sequence[type[BaseConfig]]:
    if values.get(MODEL_SCHEMA) not in _NOT_SET:
        return [_by_schema(values[MODEL_SCHEMA])]
    return _by_backend(values["backend"]) if "backend" in values else _by_fields(values)


def _by_schema(name: object) -> type[BaseConfig]:
    known = {schema_name(model): model for model in CONFIGS}
    if not isinstance(name, str) or name not in known:
        raise InvalidConfig(f"{MODEL_SCHEMA} is {name!r:.100}; known: {', '.join(sorted(known))}")
    return known[name]


def _by_backend(name: object) -> Sequence[type[BaseConfig]]:
    unions = [model for model in CONFIGS if issubclass(model, BackendConfig)]
    found = [model for model in unions if isinstance(name, str) and name in model.known]
    if not found:
        known = sorted({name for model in unions for name in model.known})
        raise InvalidConfig(f"unknown backend {name!r:.100}; known: {', '.join(known)}")
    return found


def _by_fields(values: Mapping[str, Any]) -> Sequence[type[BaseConfig]]:
    """Those that know most of the fields."""
    shared = {model: len(values.keys() & model.model_fields.keys()) for model in CONFIGS}
    most = max(shared.values())
    if most == 0:
        names = ", ".join(model.__name__ for model in CONFIGS)
        raise InvalidConfig(f"no configuration has the fields {', '.join(sorted(values)) or '(none)'}; known: {names}")
    return [model for model in CONFIGS if shared[model] == most]
