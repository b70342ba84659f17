"""The documentation tells the truth: its code runs, the files and tests that it names exist, no module is left out."""

import ast
import os
import re
import runpy
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from memos.settings import ENV_PREFIX, Settings, child_environment
from tests.support.warm_python import WarmPython

ROOT = Path(__file__).parents[2]
STRUCTURE = ROOT / "docs" / "structure.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")), *sorted((ROOT / "examples").glob("**/*.md"))]
PACKAGES = ("memos", "scheduler", "workers")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Pictures, not code.
_SHOWN_ONLY = {"text"}
_FILE = re.compile(r"`((?:tests|docs|memos|scheduler|workers|deploy|examples)/[\w./-]+)`")
# `tests/unit/test_x.py` (`a_sentence`, `another_sentence`)
_SHOWN_BY = re.compile(r"`(tests/[\w./-]+\.py)`\s+\(((?:`\w+`[,\s]*)+)\)")
_SECTION = re.compile(r"^### `([\w/]+)/`$(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for page in PAGES:
        for number, (language, code) in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8"))):
            if language not in _SHOWN_ONLY:
                found.append((f"{page.relative_to(ROOT)}-{number}", language, code))
    return found


@pytest.mark.servers
@pytest.mark.models
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("page", "language", "code"),
    [(name.rpartition("-")[0], language, code) for name, language, code in blocks()],
    ids=[name for name, _, _ in blocks()],
)
def test_the_block_runs(page: str, language: str, code: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In a directory and a process of its own, with this interpreter's ``memos``.

    A block of README.md starts its own servers, as a reader's does; the others share the graph and the index of all
    tests, each as a tenant of its own.
    """
    assert language in {"python", "sh"}, f"no way to run {language!r}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    name = f"docs_{uuid.uuid4().hex}"
    stores = {} if page == "README.md" else stores_of(request.getfixturevalue("settings"), tenant=name, collection=name)
    environment = child_environment(PATH=path, MEMOS_DATA_DIR=str(tmp_path / ".memos"), **stores)
    if language == "python":
        python: WarmPython = request.getfixturevalue("warm_python")
        ran = python.run("-c", code, cwd=tmp_path, env=environment, timeout_s=280)
    else:
        bash = ["bash", "-euo", "pipefail", "-c", code]
        ran = subprocess.run(
            bash, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False
        )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


def stores_of(servers: Settings, *, tenant: str, collection: str) -> dict[str, str]:
    """The environment of a process that works on these servers."""
    named = {
        "TENANT": tenant,
        "NEO4J_URL": servers.neo4j_url,
        "NEO4J_USER": servers.neo4j_user,
        "NEO4J_PASSWORD": servers.neo4j_password.get_secret_value(),
        "NEO4J_DATABASE": servers.neo4j_database,
        "MILVUS_URL": servers.milvus_url,
        "MILVUS_COLLECTION": collection,
    }
    return {f"{ENV_PREFIX}{key}": str(value) for key, value in named.items()}


@pytest.fixture
def run_example(
    settings: Settings, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Runs a script on the session's servers, in a collection that only examples use; returns what it printed."""
    stores = stores_of(settings, tenant=tenant, collection="examples")
    for name, value in {**stores, "MEMOS_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    def run(name: str) -> str:
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.servers
@pytest.mark.models
def test_the_quickstart_shows_a_memory_with_its_source_and_uses_a_kv_state(run_example: Callable[[str], str]) -> None:
    shown = run_example("quickstart.py")
    assert "<- Ana, 02 June 2025: 'I am allergic to peanuts.'" in shown
    ((reused, whole),) = re.findall(r"(\d+) of (\d+) prompt tokens", shown)
    assert 16 <= int(reused) < int(whole)


@pytest.mark.servers
@pytest.mark.models
def test_each_of_two_tenants_finds_its_own_secret_alone(run_example: Callable[[str], str]) -> None:
    assert run_example("two_tenants.py").splitlines() == [
        "acme finds ['My locker code at the harbour is 7731.']",
        "globex finds ['My locker code at the station is 4502.']",
    ]


def test_every_example_is_described() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "examples").glob("*.py") if f"`examples/{path.name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_the_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert [name for name in _FILE.findall(text) if not (ROOT / name).exists()] == []
    assert [target for target in linked if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_test_that_the_page_names_exists(page: Path) -> None:
    for file, listed in _SHOWN_BY.findall(page.read_text(encoding="utf-8")):
        there = names_of_tests(ROOT / file)
        assert [name for name in re.findall(r"\w+", listed) if name not in there] == [], file


def test_structure_has_a_line_for_every_module_and_none_for_another() -> None:
    sections = dict(_SECTION.findall(STRUCTURE.read_text(encoding="utf-8")))
    described = {
        f"{folder}/{name}" for folder, text in sections.items() for name in re.findall(r"^- `(\w+\.py)` ", text, re.M)
    }
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py"}
    }
    assert described == modules


def names_of_tests(file: Path) -> set[str]:
    """The tests of a file, without ``test_``."""
    functions = (
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    )
    return {node.name.removeprefix("test_") for node in functions if node.name.startswith("test_")}
