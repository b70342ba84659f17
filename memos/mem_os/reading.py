"""MOS's calls about what a cube wants of its facts."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from memos.configs.reading import ReadingConfig
from memos.mem_os.core import Calls


class ReadingCalls(Calls):
    """What a cube says goes before the reader's configuration, field by field. See docs/readers.md."""

    def set_reading(
        self,
        mem_cube_id: str,
        *,
        instructions: str | None = None,
        categories: Sequence[str] | None = None,
        fact_schema: type[BaseModel] | Mapping[str, Any] | None = None,
        user_id: str | None = None,
    ) -> None:
        """Have the reader's model do what this cube wants, in all that it reads from now on.

        A field that is given goes before the reader's, be it empty; one that is left out is the reader's, whatever the
        cube said before. ``fact_schema`` is a pydantic class or its JSON Schema. Needs the right to manage the cube.
        """
        cube = self._stored_cube(mem_cube_id, user_id, "manage")
        given = {"instructions": instructions, "categories": categories, "fact_schema": fact_schema}
        self._parts.stores.graph.set_reading(self._parts.tenant, cube, ReadingConfig.model_validate(given))

    def get_reading(self, mem_cube_id: str, *, user_id: str | None = None) -> ReadingConfig:
        """What the cube itself says, None for a field that is the reader's. Needs the right to read."""
        cube = self._stored_cube(mem_cube_id, user_id, "read")
        return self._parts.stores.graph.find_reading(self._parts.tenant, cube) or ReadingConfig()
