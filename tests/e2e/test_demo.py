"""``memos demo``, as a new user runs it."""

import json
from pathlib import Path

import pytest

from tests.support.command import ROOT, run_memos

pytestmark = [pytest.mark.servers, pytest.mark.models, pytest.mark.timeout(400)]


def test_the_demonstration_passes_its_own_checks_and_leaves_the_stack_up_when_asked(tmp_path: Path) -> None:
    where = ("--data-dir", tmp_path / "demo")
    try:
        ran = run_memos("demo", "--json", "--keep", *where, timeout_s=380)
        is_up = run_memos("status", *where).code == 0
    finally:
        downed = run_memos("down", *where)
    assert ran.code == 0, ran.err[-4000:]
    assert all(check["passed"] for check in ran.json)
    names = " ".join(check["name"] for check in ran.json)
    for promise in ("found:", "nothing of", "no job failed", "KV artefact was used", "the same answer"):
        assert promise in names
    assert is_up
    assert downed.code == 0
    assert run_memos("status", *where).code == 1


def test_a_check_that_fails_is_named_and_fails_the_demonstration(tmp_path: Path) -> None:
    script = json.loads((ROOT / "examples/data/conversations/acme-ana.json").read_text(encoding="utf-8"))
    wrong = {"question": "Who lives on the moon?", "kind": "fact", "expect": ["Eve lives on the moon"], "absent": []}
    short = {**script, "sessions": script["sessions"][:1], "questions": [wrong]}
    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "ana.json").write_text(json.dumps(short), encoding="utf-8")
    where = ("--conversations", tmp_path / "short", "--data-dir", tmp_path / "demo")
    ran = run_memos("demo", *where, timeout_s=380)
    assert ran.code == 1, ran.err[-4000:]
    assert "FAILED found: Who lives on the moon?" in ran.out
    assert run_memos("status", "--data-dir", tmp_path / "demo").code == 1
