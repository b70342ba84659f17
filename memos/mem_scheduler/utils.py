"""Reading YAML, where the published examples import it from."""

from pathlib import Path
from typing import Any

from memos.configs.files import load_yaml


def parse_yaml(path: str | Path) -> dict[str, Any]:
    """The mapping that a YAML file holds. Raises InvalidConfig, naming the file."""
    return load_yaml(Path(path))
