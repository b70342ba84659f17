"""A cube on a storage of one's own needs its memories, dump and load; the rest is made of these."""

from collections.abc import Collection
from pathlib import Path

import pytest

from memos.errors import InvalidRequest
from memos.mem_cube.base import BaseMemCube
from memos.memories.textual.base import BaseTextMemory
from memos.settings import Settings
from tests.unit.mem_cube.cubes import open_cube


class BorrowedCube(BaseMemCube):
    """Keeps its memories where another cube keeps them."""

    def __init__(self, text: BaseTextMemory | None) -> None:
        super().__init__(user_id="ana", cube_id="custom")
        self._borrowed = text

    @property
    def text_mem(self) -> BaseTextMemory | None:
        return self._borrowed

    def dump(self, directory: str | Path) -> None:
        self._text().dump(directory)

    def load(self, directory: str | Path, *, memory_types: Collection[str] | None = None) -> None:
        del memory_types
        self._text().load(directory)


def test_a_custom_cube_adds_searches_and_lists(settings: Settings, tmp_path: Path) -> None:
    cube = BorrowedCube(open_cube(settings).text_mem)
    added = cube.add(["I like tea.", "I own a boat."])
    assert [item.id for item in cube.search("a boat", top_k=1)] == added[1:]
    assert len(cube.get_all()["text_mem"]) == 2
    assert (cube.act_mem, cube.get_all()["act_mem"], cube.get_all()["para_mem"]) == (None, [], [])
    cube.dump(tmp_path / "dump")
    other = BorrowedCube(open_cube(settings).text_mem)
    other.load(tmp_path / "dump")
    assert len(other.get_all()["text_mem"]) == 2
    cube.close()


def test_a_custom_cube_without_text_says_so() -> None:
    cube = BorrowedCube(None)
    with pytest.raises(InvalidRequest, match="cube 'custom' has no textual memory"):
        cube.search("tea")
    assert cube.get_all() == {"text_mem": [], "act_mem": [], "para_mem": []}
    cube.close()
