"""From the name of a model to its directory.

    1  a local path                 ./models/qwen, /srv/models/qwen
    2  an alias                     settings.model_aliases: {"Qwen/Qwen3-0.6B": "/srv/models/qwen"}
    3  a packaged model             smollm2-135m, all-minilm-l6-v2
    4  the hub                      Qwen/Qwen3-0.6B

Nothing is loaded here. The first use of a packaged LLM converts it; the first use of a hub model downloads it.
"""

import json
from pathlib import Path
from typing import Final, cast

from memos.errors import InvalidConfig, NotFound, Unavailable
from memos.models.convert import convert_packaged
from memos.models.packaged import PACKAGED, PackagedModel, find_packaged_source
from memos.settings import Settings

_CONFIG_FILES: Final = ("config.json", "modules.json")
# Weights that are pickles are never fetched.
_HUB_PATTERNS: Final = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
_HUB_TIMEOUT_S: Final = 4


def resolve_model(name: str, settings: Settings) -> Path:
    """The directory of a model.

    Raises InvalidConfig when a path or the alias file is wrong, Unavailable when the model cannot be had just
    now, NotFound when the hub has no such model. Each says what to do.
    """
    if not name.strip():
        raise InvalidConfig("the name of a model is empty; give a path, an alias, a packaged model or a hub id")
    return (
        _find_local(name)
        or _find_alias(name, settings)
        or _find_packaged(name, settings.model_cache.expanduser())
        or _download(name)
    )


def load_aliases(path: Path) -> dict[str, str]:
    """The alias file: a JSON object of model id -> directory or packaged name. Raises InvalidConfig."""
    try:
        values = json.loads(path.expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfig(f"model_aliases: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidConfig(f"model_aliases: {path} is not JSON: {error}") from None
    if not isinstance(values, dict) or not all(
        isinstance(value, str) for value in cast(dict[str, object], values).values()
    ):
        raise InvalidConfig(f'model_aliases: {path} must be an object like {{"Qwen/Qwen3-0.6B": "/srv/models/qwen"}}')
    return cast(dict[str, str], values)


def _find_local(name: str) -> Path | None:
    path = Path(name).expanduser()
    if _is_model_directory(path):
        return path.resolve()
    if name.startswith(("/", "./", "../", "~")):
        raise InvalidConfig(f"model path {name} is not a directory with a {_CONFIG_FILES[0]}")
    return None


def _find_alias(name: str, settings: Settings) -> Path | None:
    if settings.model_aliases is None:
        return None
    target = load_aliases(settings.model_aliases).get(name)
    if target is None:
        return None
    if target in PACKAGED:
        return _find_packaged(target, settings.model_cache.expanduser())
    directory = settings.model_aliases.expanduser().parent / Path(target).expanduser()
    if not _is_model_directory(directory):
        raise InvalidConfig(
            f"model_aliases: {settings.model_aliases} maps {name!r} to {target}, "
            f"which is neither a packaged model nor a directory with a {_CONFIG_FILES[0]}"
        )
    return directory.resolve()


def _find_packaged(name: str, cache: Path) -> Path | None:
    model = PACKAGED.get(name)
    return None if model is None else _packaged_directory(model, cache)


def _packaged_directory(model: PackagedModel, cache: Path) -> Path:
    source = find_packaged_source(model)
    if source is None:
        raise Unavailable(
            f"model {model.name}", f"its package is not installed; run: memos models install {model.name}"
        )
    return convert_packaged(model, source, cache) if model.converts else source


def _is_model_directory(path: Path) -> bool:
    try:
        return any((path / file).is_file() for file in _CONFIG_FILES)
    except (OSError, ValueError):  # a name too long, or with a NUL byte, is no path
        return False


def _download(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            RepositoryNotFoundError,
        )
    except ImportError:
        raise Unavailable(f"model {name}", _how_to_get(name)) from None
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_PATTERNS, etag_timeout=_HUB_TIMEOUT_S))
    except HFValidationError:
        raise InvalidConfig(f"{name!r} is no path, alias, packaged model ({', '.join(PACKAGED)}) or hub id") from None
    except GatedRepoError:
        raise InvalidConfig(f"model {name} needs an accepted licence; log in with `hf auth login`") from None
    except RepositoryNotFoundError:
        raise NotFound(f"the hub has no model {name!r}; packaged models: {', '.join(PACKAGED)}") from None
    except (OSError, HfHubHTTPError) as error:
        raise Unavailable(f"model {name}", _how_to_get(name)) from error


def _how_to_get(name: str) -> str:
    return (
        f"the hub cannot be reached. Give a directory instead of a name, or map {name!r} to one in the alias "
        f"file (MEMOS_MODEL_ALIASES), or use a packaged model ({', '.join(PACKAGED)}; memos models install NAME)"
    )
