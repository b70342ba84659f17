"""Every code block of the documentation runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from memos.settings import child_environment

pytestmark = [pytest.mark.servers, pytest.mark.models]

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Pictures, not code.
_SHOWN_ONLY = {"text", ""}


def blocks() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for page in PAGES:
        for number, (language, code) in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8"))):
            if language not in _SHOWN_ONLY:
                found.append((f"{page.relative_to(ROOT)}-{number}", language, code))
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("language", "code"), [block[1:] for block in blocks()], ids=[block[0] for block in blocks()])
def test_the_block_runs(language: str, code: str, tmp_path: Path) -> None:
    assert language in {"python", "sh"}, f"no way to run {language}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-euo", "pipefail", "-c", code]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env=child_environment(PATH=path),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


def test_every_file_that_the_documentation_names_exists() -> None:
    for page in PAGES:
        named = re.findall(r"`((?:tests|docs|memos|scheduler|workers|deploy|examples)/[\w./-]+)`", page.read_text())
        missing = [name for name in named if not (ROOT / name).exists()]
        assert missing == [], f"{page.name} names {missing}"


def test_structure_has_a_line_for_every_module() -> None:
    text = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    modules = [
        path.relative_to(ROOT).as_posix()
        for package in ("memos", "scheduler", "workers")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name not in {"__init__.py", "__main__.py"}
    ]
    missing = [module for module in modules if f"`{Path(module).name}`" not in text]
    assert missing == []
