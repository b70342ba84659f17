"""A scorer's words as a table."""

import json
from pathlib import Path

import pytest

from memos.bench.scores import build_table, parse_scores, score
from memos.errors import InvalidRequest

REPORT = {"cats1-4": {"recall@5": 0.5, "recall@10": 0.75, "ndcg@10": 0.6}, "cat1": {"recall@10": 0.25}, "missing": 0}
ALL = {"recall@5": 0.5, "recall@10": 0.75, "nDCG@10": 0.6, "multi-hop recall@10": 0.25}


def script(directory: Path, *lines: str) -> Path:
    path = directory / "scorer.py"
    path.write_text("\n".join(("import sys, json", *lines)))
    return path


def test_the_columns_are_read_and_nothing_else() -> None:
    assert parse_scores(json.dumps(REPORT), Path("s.py")) == ALL


def test_the_scorer_is_told_of_run_and_directory(tmp_path: Path) -> None:
    run = tmp_path / "run.jsonl"
    asked = script(
        tmp_path,
        f"assert sys.argv[1:] == [{str(run)!r}, '--data', {str(tmp_path)!r}, '--json'], sys.argv",
        f"print(json.dumps({REPORT!r}))",
    )
    assert score(asked, run, tmp_path) == ALL


def test_a_scorer_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"scorer\.py ended with code 3 on .*run: no such category"):
        score(script(tmp_path, "sys.stderr.write('no such category'); sys.exit(3)"), Path("run"), tmp_path)


@pytest.mark.parametrize(
    "printed", ["", "[]", "{}", '{"cat1": 3}', '{"cats1-4": {}}', '{"cat1": {"recall@10": "no"}}', "nonsense"]
)
def test_what_is_no_report_is_refused(printed: str) -> None:
    with pytest.raises(InvalidRequest, match=r"s\.py --json must print an object with 'cats1-4'"):
        parse_scores(printed, Path("s.py"))


def test_the_table_shows_differences_to_the_first_and_leaves_out_what_nobody_said() -> None:
    assert build_table({"all": ALL, "no-text": {"recall@5": 0.55, "recall@10": 0.5}}).splitlines() == [
        "|  | recall@5 | recall@10 | nDCG@10 | multi-hop recall@10 |",
        "| --- | --- | --- | --- | --- |",
        "| all | 0.500 | 0.750 | 0.600 | 0.250 |",
        "| no-text | 0.550 (+0.050) | 0.500 (-0.250) | - | - |",
    ]
