"""What mem0's sections have in common: ``{"provider": NAME, "config": {...}}``. Pure."""

from collections.abc import Collection, Mapping
from typing import Any, cast

from memos.errors import InvalidConfig


def parse_section(what: str, section: object, *, default: str, known: Collection[str], advice: str) -> tuple[str, Any]:
    """The provider's name, and its configuration as it was given. Raises InvalidConfig, listing the known names."""
    if not isinstance(section, Mapping):
        raise InvalidConfig(f"{what} must be a mapping, not {type(section).__name__}")
    given = cast(Mapping[str, Any], section)
    refuse_unknown(what, given, ("provider", "config"))
    name = given.get("provider") or default
    if not isinstance(name, str) or name not in known:
        raise InvalidConfig(
            f"{what} field provider: unknown provider {name!r:.60}; known: {', '.join(known)}; {advice}"
        )
    return name, given.get("config")


def parse_config(what: str, config: object) -> dict[str, Any]:
    """A provider's configuration without empty values, which mem0 takes for absent ones. Raises InvalidConfig."""
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise InvalidConfig(f"{what} field config: expected a mapping, not {type(config).__name__}")
    return {name: value for name, value in cast(Mapping[str, Any], config).items() if value not in (None, "")}


def refuse_unknown(what: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise InvalidConfig, listing the known fields, when there is another one."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InvalidConfig(f"{what}: unknown field {unknown[0]!r}; known fields: {', '.join(sorted(known))}")
