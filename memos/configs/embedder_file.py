"""A file that says which embedder all processes of an installation share."""

from pathlib import Path
from typing import Any

from memos.configs.embedder import EmbedderConfigFactory
from memos.configs.files import load_mapping
from memos.configs.mem0_embedder import embedder_from_mem0
from memos.errors import InvalidConfig


def load_embedder_config(path: Path) -> EmbedderConfigFactory:
    """The embedder of a JSON or YAML file: ``{"backend", "config"}``, or mem0's section, or a dictionary around it.

    Raises InvalidConfig, naming the file.
    """
    file = path.expanduser()
    values = load_mapping(file)
    try:
        return _parse(values)
    except InvalidConfig as error:
        raise InvalidConfig(f"{path}: {error}") from None


def _parse(values: dict[str, Any]) -> EmbedderConfigFactory:
    inside = values.get("embedder", values)
    if not isinstance(inside, dict):
        raise InvalidConfig(f"embedder must be a mapping, not {type(inside).__name__}")
    return EmbedderConfigFactory.model_validate(inside) if "backend" in inside else embedder_from_mem0(inside)
