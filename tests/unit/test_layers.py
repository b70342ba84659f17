"""Who may import whom: the contracts of .importlinter hold, and each of them can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_HEAVY = ("torch", "transformers", "sentence_transformers", "safetensors", "celery", "kombu", "pymilvus", "neo4j")


def _lint(directory: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    argv = [sys.executable, "-c", program, "--config", str(_ROOT / ".importlinter"), "--no-cache"]
    return subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the three packages, to be spoilt."""
    directory = tmp_path_factory.mktemp("layers")
    for package in ("memos", "scheduler", "workers"):
        shutil.copytree(_ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


def test_every_contract_is_kept() -> None:
    linted = _lint(_ROOT)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("memos/recall/spoilt.py", "import celery", "celery and kombu only"),
        ("scheduler/spoilt.py", "from kombu import Queue", "celery and kombu only"),
        ("memos/mem_os/spoilt.py", "import redis.client", "redis only"),
        ("workers/spoilt.py", "def f():\n    import redis", "redis only"),
        ("memos/recall/spoilt.py", "from pymilvus import MilvusClient", "pymilvus only"),
        ("memos/organize/spoilt.py", "from neo4j import GraphDatabase", "the neo4j driver only"),
        ("memos/mem_os/spoilt.py", "from scheduler import MemScheduler", "memos reaches scheduling"),
        ("memos/local/spoilt.py", "import workers.app", "memos reaches scheduling"),
        ("scheduler/spoilt.py", "import workers.tasks", "workers over scheduler"),
        ("scheduler/spoilt.py", "from memos.recall import search", "scheduler knows only the bottom"),
        ("memos/clock.py", "import memos.local.ports", "the bottom of memos imports nothing"),
    ],
)
def test_an_import_that_breaks_a_contract_is_found(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / module
    before = path.read_bytes() if path.exists() else None
    path.write_bytes((before or b"") + b"\n" + line.encode() + b"\n")
    try:
        broken = [shown for shown in _lint(copy).stdout.splitlines() if " BROKEN" in shown]
    finally:
        path.unlink() if before is None else path.write_bytes(before)
    assert len(broken) == 1
    assert broken[0].startswith(contract)


def test_importing_memos_is_light() -> None:
    program = f"import sys, memos; print([name for name in {_HEAVY!r} if name in sys.modules])"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert imported.stdout.strip() == "[]"


def test_importing_the_local_stack_is_light() -> None:
    modules = "memos.local.stack, memos.local.ondemand, memos.local.background, memos.local.doctor, memos.cli.stack"
    program = f"import sys, {modules}; print([name for name in {(*_HEAVY, 'grpc')!r} if name in sys.modules])"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert imported.stdout.strip() == "[]"
