"""``memos bench ablation`` on the whole stack: a run for each variant, of one feeding."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from memos.bench.ablation import VARIANTS, measure
from memos.bench.retrieval import Plan
from memos.settings import Settings

pytestmark = [pytest.mark.servers, pytest.mark.models]

RECORDING = {
    "session_1_date_time": "9:10 am on 3 June, 2024",
    "session_1": [
        {"dia_id": "D1:1", "speaker": "Ana", "text": "I adopted a grey cat called Fado from the shelter."},
        {"dia_id": "D1:2", "speaker": "Ben", "text": "I bought a wooden sailing boat from my uncle."},
    ],
    "qa": [{"question": "Who has a boat?"}, {"question": "What is Ana's cat called?"}],
}


def test_every_variant_answers_every_question_in_a_run_of_its_own(stack: Settings, tmp_path: Path) -> None:
    name = f"r{uuid4().hex}"
    (tmp_path / f"{name}.json").write_text(json.dumps(RECORDING))
    runs = measure(stack, Plan(directory=tmp_path, names=(name,), top_k=1), tmp_path)
    assert runs == {variant.name: tmp_path / f"{variant.name}.jsonl" for variant in VARIANTS}
    for run in runs.values():
        lines = [json.loads(line) for line in run.read_text().splitlines()]
        assert [(line["conv"], line["qa"]) for line in lines] == [(name, 0), (name, 1)]
        assert all(len(line["results"]) == 1 for line in lines)
        assert all(line["ms"] > 0 for line in lines)
    first = [json.loads(line)["results"][0]["sources"] for line in runs["all"].read_text().splitlines()]
    assert first == [["D1:2"], ["D1:1"]]
