"""A cube made from a configuration, and its directory. See docs/mem_cube.md.

DIRECTORY/
  config.json                    GeneralMemCubeConfig without secrets
  manifest.json                  every file with its size and SHA-256
  textual_memory.jsonl, ...      what text_mem dumps (memos/memories/textual/files.py)
  activation/, parametric/       what act_mem and para_mem dump; only if they hold something
"""

import logging
import threading
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, Final

from memos.configs.mem_cube import KINDS, GeneralMemCubeConfig
from memos.configs.memory import MemoryConfigFactory
from memos.errors import InvalidRequest, NotFound
from memos.kv.bundle import disk_errors
from memos.mem_cube.base import BaseMemCube
from memos.mem_cube.cube_file import CONFIG_FILE, read_config, write_config
from memos.mem_cube.legacy import refuse_legacy_pickles
from memos.memories.activation.base import BaseActMemory
from memos.memories.directory import is_legacy, reading, replacing
from memos.memories.factory import MemoryFactory
from memos.memories.manifest import MANIFEST_FILE, Manifest, verify
from memos.memories.parametric.base import BaseParaMemory
from memos.memories.textual.base import BaseTextMemory
from memos.memories.textual.files import LEGACY_FILE
from memos.settings import Settings

_FOLDERS: Final = {"act_mem": "activation", "para_mem": "parametric"}

log = logging.getLogger(__name__)


class GeneralMemCube(BaseMemCube):
    """A cube of any backends. Thread-safe. A memory is made when it is first used, and needs nothing before.

    ``settings`` say where servers and models are and which tenant's memories these are; without them, the environment
    does.
    """

    def __init__(self, config: GeneralMemCubeConfig, settings: Settings | None = None) -> None:
        super().__init__(user_id=config.user_id, cube_id=config.cube_id)
        self.config = config
        self._settings = settings
        self._made: dict[str, Any] = {}
        self._making = threading.RLock()

    @classmethod
    def init_from_dir(
        cls,
        directory: str | Path,
        *,
        settings: Settings | None = None,
        memory_types: Collection[str] | None = None,
        config: GeneralMemCubeConfig | None = None,
    ) -> "GeneralMemCube":
        """The cube of a directory with its memories, or with some of text_mem, act_mem and para_mem.

        A dump's configuration says which servers are spoken to and which environment variables are sent there: give
        ``config`` to use another one, which a dump that you do not trust needs. A directory of MemOS 1.x is read too:
        its memories, taken from the file, go into naive_text or into what ``config`` names. Raises NotFound, Corrupt,
        and InvalidRequest for pickles, with the reason.
        """
        with reading(directory) as found, ExitStack() as undo:
            cube = cls(config or read_config(found), settings)
            undo.callback(cube.close)
            cube.load(found, memory_types=memory_types)
            undo.pop_all()
        return cube

    @property
    def text_mem(self) -> BaseTextMemory | None:
        return self._part("text_mem")

    @property
    def act_mem(self) -> BaseActMemory[Any] | None:
        return self._part("act_mem")

    @property
    def para_mem(self) -> BaseParaMemory[Any] | None:
        return self._part("para_mem")

    def get_all(self) -> dict[str, list[Any]]:
        """The items of each memory; an empty list for one that the cube does not have."""
        text = self.text_mem
        held = {name: self._held(name) for name in _FOLDERS}
        return {"text_mem": [] if text is None else text.get_all(), **held}

    def dump(self, directory: str | Path) -> None:
        """Write the whole cube, in the place of the dump that is there; a killed dump leaves the old one whole.

        Equal cubes give equal bytes. Secrets given in clear text are left out. Raises InvalidRequest when the directory
        holds files of anything else.
        """
        with replacing(directory) as fresh:
            if self.text_mem is not None:
                self.text_mem.dump(fresh)
            for name, folder in _FOLDERS.items():
                if self._held(name):
                    self._part(name).dump(fresh / folder)
            with disk_errors(fresh):
                write_config(fresh, self.config)

    def load(self, directory: str | Path, *, memory_types: Collection[str] | None = None) -> None:
        """Add what a dump has of these memories, of all by default, under the ids that it has there.

        Every file is checked before the first memory is added. A load that fails later, for a server or a model that
        is away, is completed by the same load again. Raises NotFound, Corrupt, InvalidRequest.
        """
        wanted = _parse_types(memory_types)
        with reading(directory) as found:
            if (found / MANIFEST_FILE).exists():
                self._load_parts(found, wanted, verify(found))
            else:
                self._load_legacy(found, wanted)

    def close(self) -> None:
        """Give the connections back of those memories that were used."""
        with self._making:
            for part in self._made.values():
                part.close()

    def _part(self, name: str) -> Any:
        chosen: MemoryConfigFactory | None = getattr(self.config, name)
        if chosen is None:
            return None
        with self._making:
            if name not in self._made:
                self._made[name] = MemoryFactory.from_config(chosen, settings=self._settings)
            return self._made[name]

    def _held(self, name: str) -> list[Any]:
        """The items of a memory that lives in this process: none as long as nobody used it, and no model is loaded."""
        with self._making:
            return self._made[name].get_all() if name in self._made else []

    def _load_parts(self, directory: Path, wanted: Collection[str], manifest: Manifest) -> None:
        for name in wanted:
            folder = _FOLDERS.get(name, "")
            if not any(_folder_of(file) == folder for file in manifest.files if file != CONFIG_FILE):
                continue
            if (part := self._part(name)) is None:
                log.warning("cube %s has no %s and does not read that of %s", self.cube_id, name, directory)
            else:
                part.load(directory / folder)

    def _load_legacy(self, directory: Path, wanted: Collection[str]) -> None:
        if not (directory / LEGACY_FILE).exists() and not is_legacy(directory):
            raise NotFound(f"there is no cube in {directory}: it has no {MANIFEST_FILE}; copy all of it, or dump one")
        refuse_legacy_pickles(directory, wanted)
        if "text_mem" in wanted and self.text_mem is not None and (directory / LEGACY_FILE).exists():
            self.text_mem.load(directory)


def _folder_of(file: str) -> str:
    return PurePosixPath(file).parts[0] if "/" in file else ""


def _parse_types(memory_types: Collection[str] | None) -> tuple[str, ...]:
    known = tuple(KINDS)
    if memory_types is None:
        return known
    if isinstance(memory_types, str) or not set(memory_types) <= set(known):
        raise InvalidRequest(f"memory_types must be a list of {', '.join(known)}, not {memory_types!r:.80}")
    return tuple(name for name in known if name in memory_types)
