"""In which order files run, and which of them stay together, when several processes share the tests.

The longest first: then small ones are left at the end, and no process waits for another's minute. The files that need
the whole stack go to one process, since each process starts a stack of its own.
"""

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[2]
_SLOWEST_FIRST = ("e2e", "chaos", "integration", "contract", "unit")
# The fixtures of tests/e2e/conftest.py. A file that is overlooked costs a second stack, no more.
_USES_THE_STACK = re.compile(r"\b(?:stack: Settings|OpenMOS)\b")


def sort_slowest_first(items: list[pytest.Item]) -> None:
    """By directory, there the files with a test marked ``slow`` first; files stay whole and in their order."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (_rank(item.path), item.path not in slow))


class OneStack(LoadFileScheduling):
    """A file is one piece of work, and so are all the files that use the stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the stack" if _uses_the_stack(ROOT / file) else file


@cache
def _rank(path: Path) -> int:
    folders = [number for number, folder in enumerate(_SLOWEST_FIRST) if (ROOT / "tests" / folder) in path.parents]
    return folders[0] if folders else len(_SLOWEST_FIRST)


@cache
def _uses_the_stack(file: Path) -> bool:
    return file.parent.name == "e2e" and _USES_THE_STACK.search(file.read_text(encoding="utf-8")) is not None
