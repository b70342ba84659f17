"""Writing stack.json, by which other processes find what runs on a data directory (settings.find_stack reads it)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from memos.local.access import write_private
from memos.settings import StackFile

FORMAT: Final = 1
FILE_NAME: Final = "stack.json"


def write_stack_file(
    data_dir: Path,
    *,
    command: str,
    settings: Mapping[str, Any],
    urls: Mapping[str, str],
    children: Mapping[str, int],
) -> None:
    """Replace stack.json, atomically, mode 0600. Call it under the directory's lock."""
    content = StackFile(
        format=FORMAT,
        pid=os.getpid(),
        command=command,
        settings=dict(settings),
        urls=dict(urls),
        children=dict(children),
    )
    write_private(data_dir / FILE_NAME, content)


def remove_stack_file(data_dir: Path) -> None:
    """Say that nothing runs; no error when nothing was said."""
    (data_dir / FILE_NAME).unlink(missing_ok=True)
