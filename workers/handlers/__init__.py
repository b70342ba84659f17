"""Which handler does which kind of job: module and function, imported when the first such job comes."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final, cast

from memos.errors import InvalidConfig
from memos.types import JobKind
from workers.batch import Handler

HANDLERS: Final[Mapping[JobKind, str]] = {
    JobKind.EXTRACT: "workers.handlers.extract:handle",
    JobKind.ORGANIZE: "workers.handlers.organize:handle",
    JobKind.KV_BUILD: "workers.handlers.kv:handle",
}


def load_handler(kind: JobKind, registry: Mapping[JobKind, str] = HANDLERS) -> Handler:
    """Import the kind's handler. Raises InvalidConfig, listing the known kinds."""
    path = registry.get(kind)
    if path is None:
        raise InvalidConfig(f"no handler for jobs of kind {kind}; known: {', '.join(sorted(registry))}")
    module, _, function = path.partition(":")
    return cast(Handler, getattr(import_module(module), function))
