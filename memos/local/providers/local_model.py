"""Is a model of this process on this machine? Nothing is loaded, converted or fetched to tell."""

from pathlib import Path
from typing import Final

from memos.local.providers.finding import Finding
from memos.models.inventory import ModelEntry, list_models
from memos.settings import Settings

_MODEL_FILES: Final = ("config.json", "modules.json")
_PATH_STARTS: Final = ("/", "./", "../", "~")


def find_local_model(model: str, settings: Settings) -> Finding:
    """Where a path, an alias, a packaged model or a model of the hub is. Raises InvalidConfig for the alias file."""
    entry = next((each for each in list_models(settings) if each.name == model), None)
    return _find_unlisted(model) if entry is None else _find_listed(entry)


def _find_listed(entry: ModelEntry) -> Finding:
    if not entry.installed:
        return Finding(detail="missing", advice=f"memos models install {entry.name}")
    return Finding(detail=f"at {entry.path}" if entry.ready else "installed; converted at its first use")


def _find_unlisted(model: str) -> Finding:
    path = Path(model).expanduser()
    if path.is_dir():
        return _find_directory(path)
    if model.startswith(_PATH_STARTS):
        return Finding(detail="no such directory", advice="correct the path, or give an alias or a model's name")
    return Finding(detail="not on this machine: taken from the hub at first use")


def _find_directory(path: Path) -> Finding:
    if any((path / name).is_file() for name in _MODEL_FILES):
        return Finding(detail="a directory of this machine")
    return Finding(
        detail=f"a directory without {' and '.join(_MODEL_FILES)}", advice="give the directory of a model's files"
    )
