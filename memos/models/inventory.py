"""What models are at hand: packaged, aliased, and where each is on disk."""

from dataclasses import dataclass, replace
from pathlib import Path

from memos.models.convert import is_converted
from memos.models.packaged import PACKAGED, PackagedModel, find_installed_version, find_packaged_source
from memos.models.resolve import load_aliases
from memos.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelEntry:
    """One known model. ``path`` is where it would be loaded from, None while it is not there."""

    name: str
    origin: str
    installed: bool
    ready: bool
    path: Path | None
    size_bytes: int


def list_models(settings: Settings) -> list[ModelEntry]:
    """Packaged models first, then the alias file's. Loads, converts and downloads nothing."""
    packaged = [_packaged_entry(model, settings.model_cache.expanduser()) for model in PACKAGED.values()]
    return packaged + _alias_entries(settings)


def _packaged_entry(model: PackagedModel, cache: Path) -> ModelEntry:
    source = find_packaged_source(model)
    ready = is_converted(model, cache) if model.converts else source is not None
    path = cache / model.name if model.converts else source
    return ModelEntry(
        name=model.name,
        origin=f"package {model.package} {find_installed_version(model) or model.version}",
        installed=source is not None,
        ready=ready,
        path=path if ready else None,
        size_bytes=_size_bytes(path) if ready and path else 0,
    )


def _alias_entries(settings: Settings) -> list[ModelEntry]:
    if settings.model_aliases is None:
        return []
    parent = settings.model_aliases.expanduser().parent
    aliases = load_aliases(settings.model_aliases).items()
    cache = settings.model_cache.expanduser()
    return [
        replace(_packaged_entry(PACKAGED[target], cache), name=name, origin=f"alias of {target}")
        if target in PACKAGED
        else _alias_entry(name, target, parent)
        for name, target in aliases
    ]


def _alias_entry(name: str, target: str, parent: Path) -> ModelEntry:
    path = parent / Path(target).expanduser()
    there = path.is_dir()
    return ModelEntry(
        name=name,
        origin=f"alias of {target}",
        installed=there,
        ready=there,
        path=path if there else None,
        size_bytes=_size_bytes(path) if there else 0,
    )


def _size_bytes(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
