"""Mistakes in the arguments of ``memos bench`` are told in one line, before anything is started."""

import json
from pathlib import Path

import pytest

from tests.support.command import assert_mistake, run_memos


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "one.json").write_text(json.dumps({"qa": []}))
    (tmp_path / "scorer.py").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--scorer": "none.py"}, ("there is no scorer", "none.py")),
        ({"--conversations": " ,"}, ("name at least one conversation",)),
        ({"--conversations": "two"}, ("cannot read", "two.json")),
        ({"--out": "one.json"}, ("cannot write into", "one.json")),
    ],
    ids=str,
)
def test_an_ablation_that_could_not_be_done_is_refused(
    directory: Path, changed: dict[str, str], words: tuple[str, ...]
) -> None:
    options = {"--data": ".", "--conversations": "one", "--out": "runs", "--scorer": "scorer.py", **changed}
    arguments = [word for option in options.items() for word in option]
    assert_mistake(run_memos("bench", "ablation", *arguments, cwd=directory), *words)


def test_updates_that_could_not_be_written_down_are_refused(directory: Path) -> None:
    assert_mistake(run_memos("bench", "updates", "--out", "none/run.jsonl", cwd=directory), "cannot write", "none/run")


def test_recall_scale_fills_nobodys_stores(directory: Path) -> None:
    ran = run_memos("bench", "recall-scale", "--quick", cwd=directory, MEMOS_MILVUS_URL="http://127.0.0.1:1")
    assert_mistake(ran, "unset MEMOS_MILVUS_URL")
