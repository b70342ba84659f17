"""The cubes that one MOS object has opened: those of the tenant's stores, and objects of the application's own.

directory ──> imported: its textual memories go into the tenant's graph and index, for workers and other processes
object    ──> used as it is, in this process: MOS calls its methods
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.memory import MemoryConfigFactory
from memos.errors import InvalidRequest
from memos.ids import CubeId
from memos.mem_cube.base import BaseMemCube
from memos.mem_cube.general import GeneralMemCube
from memos.memories.activation.item import KVCacheItem, VLLMKVCacheItem
from memos.memories.textual.base import BaseTextMemory
from memos.memories.textual.tree import TreeTextMemory
from memos.settings import Settings

TREE: MemoryConfigFactory = MemoryConfigFactory.model_validate({"backend": "tree_text"})


class TenantCube(GeneralMemCube):
    """A cube whose textual memory is in the tenant's stores, whatever backend its configuration names."""

    def __init__(self, config: GeneralMemCubeConfig, settings: Settings, text: TreeTextMemory) -> None:
        super().__init__(config, settings)
        self._text_memory = text

    def held(self, name: str) -> list[Any]:
        """The items of an activation or parametric memory, as far as it was used in this process."""
        return self._held(name)

    def close(self) -> None:
        """Close what was opened for this cube; the tenant's stores stay open."""
        super().close()
        self._text_memory.close()

    def _part(self, name: str) -> Any:
        return self._text_memory if name == "text_mem" else super()._part(name)


class CubeRegistry:
    """Cubes by id. Thread-safe. ``open_text`` gives a cube's memories in the tenant's stores."""

    def __init__(self, settings: Settings, open_text: Callable[[CubeId], TreeTextMemory]) -> None:
        self._settings = settings
        self._open_text = open_text
        self._lock = threading.Lock()
        self._cubes: dict[CubeId, BaseMemCube] = {}

    @property
    def cubes(self) -> Mapping[str, BaseMemCube]:
        """What is open now; a copy that does not change."""
        with self._lock:
            return MappingProxyType({str(cube): opened for cube, opened in self._cubes.items()})

    def open_cube(self, cube: CubeId, config: GeneralMemCubeConfig | None = None) -> BaseMemCube:
        """The cube as it is open already, else one in the tenant's stores; that is not kept."""
        with self._lock:
            if cube in self._cubes:
                return self._cubes[cube]
        known = config or GeneralMemCubeConfig(cube_id=cube, text_mem=TREE)
        return TenantCube(known.with_cube_id(cube), self._settings, self._open_text(cube))

    def keep(self, cube: CubeId, opened: BaseMemCube) -> None:
        """Have it among ``cubes`` from now on."""
        with self._lock:
            self._cubes[cube] = opened

    def forget(self, cube: CubeId) -> bool:
        """Take it out again, True when it was there. Nothing of its contents changes, and an object stays open."""
        with self._lock:
            opened = self._cubes.pop(cube, None)
        if isinstance(opened, TenantCube):
            opened.close()
        return opened is not None

    def find_object(self, cube: CubeId) -> BaseMemCube | None:
        """The application's own object behind this id, or None for a cube of the tenant's stores."""
        with self._lock:
            opened = self._cubes.get(cube)
        return None if isinstance(opened, TenantCube) else opened

    def text_of(self, cube: CubeId) -> BaseTextMemory:
        """The cube's textual memory. Raises InvalidRequest for an object that has none."""
        opened = self.find_object(cube)
        if opened is None:
            return self._open_text(cube)
        if opened.text_mem is None:
            raise InvalidRequest(f"cube {cube!r} is an object without a text_mem; register one that has it")
        return opened.text_mem

    def list_held(self, cube: CubeId, kind: str) -> list[Any]:
        """The items of an open cube's act_mem or para_mem, as far as they were used in this process."""
        with self._lock:
            opened = self._cubes.get(cube)
        if isinstance(opened, TenantCube):
            return opened.held(kind)
        return [] if opened is None else opened.get_all()[kind]

    def contexts(self, cube: CubeId) -> list[str]:
        """The texts of the KV states that were put into an open cube, the oldest first: part of its stable prefix."""
        items = self.list_held(cube, "act_mem")
        return [_text_of(item) for item in items if isinstance(item, KVCacheItem | VLLMKVCacheItem)]

    def last_opened(self) -> CubeId | None:
        """The cube that was registered last, if any is open."""
        with self._lock:
            return next(reversed(self._cubes), None)

    def close(self) -> None:
        """Close what was opened here; the application's own objects stay open."""
        with self._lock:
            opened, self._cubes = list(self._cubes.values()), {}
        for cube in opened:
            if isinstance(cube, TenantCube):
                cube.close()


def is_directory(name: str | Path) -> bool:
    """True for what names a directory rather than a cube."""
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # too long, or with a NUL byte
        return False


def _text_of(item: KVCacheItem | VLLMKVCacheItem) -> str:
    return "\n".join(message.content for message in item.metadata.messages)
