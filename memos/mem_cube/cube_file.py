"""A cube's config.json: written without secrets, read also as MemOS 1.x wrote it."""

import json
import logging
import re
from pathlib import Path
from typing import Any, Final, cast

from pydantic import SecretStr

from memos.configs.files import load_json
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import NotFound
from memos.mem_cube.legacy import parse_legacy_config
from memos.memories.directory import is_legacy
from memos.memories.manifest import MANIFEST_FILE, load_manifest, read_listed

CONFIG_FILE: Final = "config.json"
_MASK: Final = str(SecretStr("x"))
_URL_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")

log = logging.getLogger(__name__)


def write_config(directory: Path, config: GeneralMemCubeConfig) -> None:
    """Write config.json. References (env:NAME) stay; a secret given as it is, and a URL's password, are left out."""
    plain, left_out = without_secrets(config)
    if left_out:
        names = ", ".join(left_out)
        log.warning("the dump of cube %s leaves out %s; give secrets as env:NAME to keep them", config.cube_id, names)
    (directory / CONFIG_FILE).write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def without_secrets(config: GeneralMemCubeConfig) -> tuple[dict[str, Any], list[str]]:
    """The configuration as it may be kept anywhere, and the names of the fields that were left out."""
    left_out: list[str] = []
    return _without_secrets(config.model_dump(mode="json"), "", left_out), left_out


def read_config(directory: Path) -> GeneralMemCubeConfig:
    """The configuration of a cube's directory, of MemOS 1.x too. Raises NotFound, Corrupt, InvalidConfig."""
    path = directory / CONFIG_FILE
    if is_legacy(directory):
        return parse_legacy_config(load_json(path), directory)
    manifest = load_manifest(directory)
    if manifest is None:
        missing = MANIFEST_FILE if path.exists() else CONFIG_FILE
        raise NotFound(f"there is no cube in {directory}: it has no {missing}; copy all of it, or dump one")
    read_listed(directory, manifest, CONFIG_FILE)  # checked before it is parsed
    return GeneralMemCubeConfig.from_json_file(path)


def _without_secrets(value: Any, name: str, left_out: list[str]) -> Any:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        kept = {key: field for key, field in fields.items() if field != _MASK}
        left_out += [f"{name}{key}" for key in fields.keys() - kept.keys()]
        return {key: _without_secrets(field, f"{name}{key}.", left_out) for key, field in kept.items()}
    if isinstance(value, list):
        return [_without_secrets(field, f"{name}{i}.", left_out) for i, field in enumerate(cast(list[Any], value))]
    if isinstance(value, str) and _URL_PASSWORD.search(value):
        left_out.append(name.removesuffix("."))
        return _URL_PASSWORD.sub("", value)
    return value
