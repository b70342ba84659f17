"""Configuration of a cube: whose it is, and its three memories."""

import uuid
from collections.abc import Mapping
from typing import Any, Final, Self, cast

from pydantic import Field, field_validator, model_validator

from memos import ids
from memos.configs.base import BaseConfig
from memos.configs.memory import MemoryConfigFactory
from memos.configs.reading import ReadingConfig
from memos.configs.retention import RetentionConfig
from memos.errors import InvalidRequest

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text_mem": ("naive_text", "general_text", "tree_text"),
    "act_mem": ("kv_cache", "vllm_kv_cache"),
    "para_mem": ("lora",),
}
"""The backends of each of a cube's memories."""

UNINITIALIZED: Final = "uninitialized"
"""MemOS's word for a memory that a cube does not have."""


def _says_nothing(section: object) -> bool:
    """Left out where it is written: dumps of cubes without such a section stay as they always were."""
    return section is None


class GeneralMemCubeConfig(BaseConfig):
    """A cube with up to three memories. A textual memory that names no ``cube_id`` keeps the memories of this one."""

    user_id: str = Field(default="root", description="Whose cube it is.")
    cube_id: str = Field(default_factory=lambda: str(uuid.uuid4()), description="Its name; by default a new one.")
    text_mem: MemoryConfigFactory | None = Field(default=None, description="naive_text, general_text or tree_text.")
    act_mem: MemoryConfigFactory | None = Field(default=None, description="kv_cache or vllm_kv_cache.")
    para_mem: MemoryConfigFactory | None = Field(default=None, description="lora.")
    retention: RetentionConfig | None = Field(
        default=None,
        exclude_if=_says_nothing,
        description="How long its memories stay active once MOS has registered the cube's directory.",
    )
    reading: ReadingConfig | None = Field(
        default=None,
        exclude_if=_says_nothing,
        description="What it wants of its facts once MOS has registered the cube's directory.",
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        given = {name: None if _is_uninitialized(value) else value for name, value in values.items()}
        cube = given.setdefault("cube_id", str(uuid.uuid4()))
        if given.get("text_mem") is not None and isinstance(cube, str):
            given["text_mem"] = _name_cube(MemoryConfigFactory.model_validate(given["text_mem"]), cube)
        return given

    @field_validator("user_id", "cube_id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        try:
            return ids.cube_id(value)
        except InvalidRequest as error:
            raise ValueError(str(error).partition(" ")[2]) from None

    @model_validator(mode="after")
    def _check_kinds(self) -> Self:
        for part, known in KINDS.items():
            chosen = cast(MemoryConfigFactory | None, getattr(self, part))
            if chosen is not None and chosen.backend not in known:
                raise ValueError(f"{part} cannot be {chosen.backend!r}; known: {', '.join(known)}")
        return self

    def with_cube_id(self, cube_id: str) -> "GeneralMemCubeConfig":
        """The same cube under another name; its textual memory takes it too, unless it had one of its own."""
        fields: dict[str, Any] = {**dict(self), "cube_id": cube_id}
        text = self.text_mem
        if text is not None and getattr(text.config, "cube_id", None) == self.cube_id:
            fields["text_mem"] = _rename(text, cube_id)
        return GeneralMemCubeConfig(**fields)


def _is_uninitialized(value: object) -> bool:
    if isinstance(value, Mapping):
        return cast(Mapping[str, object], value).get("backend") == UNINITIALIZED
    return value == UNINITIALIZED


def _name_cube(text: MemoryConfigFactory, cube_id: str) -> MemoryConfigFactory:
    return text if "cube_id" in text.config.model_fields_set else _rename(text, cube_id)


def _rename(text: MemoryConfigFactory, cube_id: str) -> MemoryConfigFactory:
    return text.model_copy(update={"config": text.config.model_copy(update={"cube_id": cube_id})})
