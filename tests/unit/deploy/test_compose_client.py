"""What Compose itself says of the file. Needs a client, but no engine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

_TIMEOUT_S = 60


def _find_clients() -> list[tuple[str, ...]]:
    beside_python = str(Path(sys.executable).parent / "docker-compose")
    standalone = {path for path in (shutil.which("docker-compose"), shutil.which(beside_python)) if path}
    plugin = [("docker", "compose")] if _has_plugin() else []
    return [*plugin, *((path,) for path in sorted(standalone))]


def _has_plugin() -> bool:
    if shutil.which("docker") is None:
        return False
    version = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=_TIMEOUT_S, check=False)
    return version.returncode == 0


_CLIENTS = _find_clients()
needs_client = pytest.mark.skipif(not _CLIENTS, reason="neither `docker compose` nor docker-compose is installed")
each_client = pytest.mark.parametrize("client", _CLIENTS, ids=" ".join)


def _config(client: Sequence[str], root: Path, passwords: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*client, "--project-directory", str(root), "--env-file", str(root / ".env.example"), "config", "--quiet"],
        cwd=root,
        # The shell's own variables come before the file's, so that a developer's .env has no say.
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "COMPOSE_PROFILES": "gpu", **passwords},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


@needs_client
@each_client
def test_the_client_accepts_the_file(compose: Any, root: Path, client: Sequence[str]) -> None:
    answer = _config(client, root, compose.given)

    assert answer.returncode == 0, answer.stderr
    assert "warning" not in answer.stderr.lower()


@needs_client
@each_client
@pytest.mark.parametrize(
    "missing", ["REDIS_PASSWORD", "NEO4J_PASSWORD", "MILVUS_PASSWORD", "MINIO_PASSWORD", "FLOWER_PASSWORD"]
)
def test_the_client_refuses_an_empty_password(compose: Any, root: Path, client: Sequence[str], missing: str) -> None:
    passwords = {name: value for name, value in compose.given.items() if name != missing}

    answer = _config(client, root, passwords)

    assert answer.returncode != 0
    assert f"set {missing} in .env; .env.example says how" in answer.stderr
