"""What a scorer says of runs, as a table. The scorer is a Python script of the reader's own:

    SCORER RUN --data DIR --json    prints {"cats1-4": {"recall@5": 0.7, "recall@10", "ndcg@10"}, "cat1": {"recall@10"}}

where ``cats1-4`` are all questions that count and ``cat1`` those that need several turns, as in LoCoMo.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from memos.errors import InvalidRequest

_WITHIN_S: Final = 300.0
_COLUMNS: Final = {
    "recall@5": ("cats1-4", "recall@5"),
    "recall@10": ("cats1-4", "recall@10"),
    "nDCG@10": ("cats1-4", "ndcg@10"),
    "multi-hop recall@10": ("cat1", "recall@10"),
}
_NONE: Final = "-"

Scores = Mapping[str, float]
"""By column; a column that the scorer says nothing of is left out."""


def score(scorer: Path, run: Path, directory: Path) -> Scores:
    """What the scorer prints of a run over conversations of a directory. Raises InvalidRequest when it does not."""
    command = [sys.executable, str(scorer), str(run), "--data", str(directory), "--json"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    except subprocess.TimeoutExpired:
        raise InvalidRequest(f"{scorer} said nothing of {run} within {_WITHIN_S:g} s") from None
    if ran.returncode != 0:
        reason = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise InvalidRequest(f"{scorer} ended with code {ran.returncode} on {run}: {reason:.200}")
    return parse_scores(ran.stdout, scorer)


def parse_scores(printed: str, scorer: Path) -> Scores:
    """The columns out of what was printed. Raises InvalidRequest for what is no such object, or has none of them."""
    try:
        report = json.loads(printed)
        found = dict(_read_columns(report))
    except (ValueError, TypeError, AttributeError):
        found = {}
    if not found:
        raise InvalidRequest(f"{scorer} --json must print an object with 'cats1-4' or 'cat1', not {printed!r:.80}")
    return found


def build_table(scores: Mapping[str, Scores]) -> str:
    """Markdown: a row for each run, with the difference to the first."""
    (whole, *_) = scores.values()
    rows = [[name, *(_cell(column, each, whole) for column in _COLUMNS)] for name, each in scores.items()]
    return "\n".join(_line(cells) for cells in [["", *_COLUMNS], ["---"] * (len(_COLUMNS) + 1), *rows])


def _read_columns(report: object) -> Iterator[tuple[str, float]]:
    sections = cast(Mapping[str, Mapping[str, float]], report)
    for column, (section, name) in _COLUMNS.items():
        value = sections.get(section, {}).get(name)
        if value is not None:
            yield column, float(value)


def _cell(column: str, scores: Scores, whole: Scores) -> str:
    if column not in scores:
        return _NONE
    value = f"{scores[column]:.3f}"
    return value if scores is whole or column not in whole else f"{value} ({scores[column] - whole[column]:+.3f})"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
