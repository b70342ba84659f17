"""The config.json of a cube that MemOS 1.x wrote.

{"model_schema", "config_filename", "user_id", "cube_id", "text_mem": {"backend", "config"}, "act_mem", "para_mem"}

Its vector database (a qdrant directory or server) cannot be opened here, and neither can its graph: the memories are
those of textual_memory.json, and they are kept in naive_text, unless the caller gives a configuration of his own.
"""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, cast

from memos.configs.mem_cube import UNINITIALIZED, GeneralMemCubeConfig
from memos.errors import InvalidRequest
from memos.memories.manifest import PICKLES, list_files

KEPT_IN: Final = "naive_text"

log = logging.getLogger(__name__)


def parse_legacy_config(values: Mapping[str, Any], directory: Path) -> GeneralMemCubeConfig:
    """The same owner and name with a naive_text memory. Raises InvalidConfig for a name that is none."""
    given = {name: values[name] for name in ("user_id", "cube_id") if values.get(name)}
    backend = _backend(values.get("text_mem"))
    if backend is not None and backend != KEPT_IN:
        log.warning(
            "%s is a cube of MemOS 1.x: its %s stores are not opened; its memories are read from the file into %s",
            directory,
            backend,
            KEPT_IN,
        )
    if backend is not None:
        given["text_mem"] = {"backend": KEPT_IN, "config": {}}
    return GeneralMemCubeConfig(**given)


def refuse_legacy_pickles(directory: Path, wanted: Collection[str]) -> None:
    """Raises InvalidRequest when activation or parametric memories are wanted and are there as pickles."""
    pickles = [name for name in list_files(directory) if Path(name).suffix.lower() in PICKLES]
    if pickles and set(wanted) - {"text_mem"}:
        raise InvalidRequest(
            f"{directory / pickles[0]} is a pickle; a pickle can run code when it is read, so it is refused; read the "
            "cube with memory_types=['text_mem'], or remove the file, and make that memory anew from its source"
        )


def _backend(part: object) -> str | None:
    fields = cast(Mapping[str, Any], part) if isinstance(part, Mapping) else {}
    backend = fields.get("backend")
    return None if backend in (None, UNINITIALIZED) else str(backend)
