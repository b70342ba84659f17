import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_SHOW = """
import runpy, sys
options = runpy.run_path(sys.argv[1])
print(options["basic_auth"], options["read_only"])
"""


def _load(path: Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", _SHOW, str(path)]
    return subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["memos/local/flowerconfig.py", "deploy/flowerconfig.py"])
def test_flower_asks_for_the_password_of_the_settings_and_is_read_only(tmp_path: Path, name: str) -> None:
    loaded = _load(_ROOT / name, tmp_path, MEMOS_FLOWER_USER="ops", MEMOS_FLOWER_PASSWORD="secret")
    assert loaded.stdout == "['ops:secret'] True\n", loaded.stderr


@pytest.mark.parametrize("name", ["memos/local/flowerconfig.py", "deploy/flowerconfig.py"])
def test_flower_does_not_start_without_a_password(tmp_path: Path, name: str) -> None:
    loaded = _load(_ROOT / name, tmp_path)
    assert loaded.returncode != 0
    assert "MEMOS_FLOWER_PASSWORD is not set" in loaded.stderr
