"""``memos demo``, as a new user runs it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.models]

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
def test_the_demonstration_passes_its_own_checks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "memos.cli.main", "demo", "--json", "--data-dir", str(tmp_path / "demo")]
    began = time.monotonic()
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=380, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    checks = json.loads(ran.stdout)
    assert all(check["passed"] for check in checks)
    names = " ".join(check["name"] for check in checks)
    for promise in ("found:", "nothing of", "no job failed", "KV artefact was used", "the same answer"):
        assert promise in names
    assert time.monotonic() - began < 360
