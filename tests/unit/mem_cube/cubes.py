"""Cubes for tests: without servers, models or an embedder."""

from pathlib import Path
from typing import Any

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.mem_cube.general import GeneralMemCube
from memos.settings import Settings

NAIVE = {"backend": "naive_text", "config": {}}


def open_cube(settings: Settings, **fields: Any) -> GeneralMemCube:
    """A cube with a naive_text memory, unless told otherwise."""
    return GeneralMemCube(GeneralMemCubeConfig(**{"cube_id": "notes", "text_mem": NAIVE, **fields}), settings)


def contents_of(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}
