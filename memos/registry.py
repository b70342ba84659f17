"""Names of backends and where each lives, imported only when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from memos.errors import InvalidConfig


class Registry:
    """Maps a backend's name to ``module:attribute``. An unknown name is an error that lists the known ones."""

    def __init__(self, what: str, targets: Mapping[str, str]) -> None:
        self._what = what
        self._targets = dict(targets)

    @property
    def names(self) -> tuple[str, ...]:
        """The known names, sorted."""
        return tuple(sorted(self._targets))

    def load(self, name: str) -> Any:
        """Import what ``name`` stands for. Raises InvalidConfig for an unknown name or a missing package."""
        if name not in self._targets:
            raise InvalidConfig(f"unknown {self._what} {name!r}; known: {', '.join(self.names)}")
        module, _, attribute = self._targets[name].partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise InvalidConfig(f"{self._what} {name!r} needs the package {error.name!r}; install it") from error
