"""``memos bench retrieval`` on the whole stack: its run names the turns that memories came from."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from memos.bench.retrieval import Plan, measure
from memos.settings import Settings

pytestmark = [pytest.mark.servers, pytest.mark.models]


def said(dia_id: str, speaker: str, text: str, **others: str) -> dict[str, str]:
    return {"dia_id": dia_id, "speaker": speaker, "text": text, **others}


RECORDING: dict[str, Any] = {
    "session_1_date_time": "9:10 am on 3 June, 2024",
    "session_1": [
        said("D1:1", "Ana", "I adopted a grey cat called Fado from the shelter."),
        said("D1:2", "Ben", "I bought a wooden sailing boat from my uncle."),
    ],
    "session_2_date_time": "6:00 pm on 9 July, 2024",
    "session_2": [said("D2:1", "Ana", "We painted the kitchen.", blip_caption="a yellow wall with a ladder")],
    "qa": [{"question": "Who has a boat?"}, {"question": "What is Ana's cat called?"}, {"question": "A yellow wall?"}],
}


def test_each_question_has_a_line_with_the_turns_of_what_was_found(stack: Settings, tmp_path: Path) -> None:
    name = f"r{uuid4().hex}"
    (tmp_path / f"{name}.json").write_text(json.dumps(RECORDING))
    out = tmp_path / "run.jsonl"
    figures = measure(stack, Plan(directory=tmp_path, names=(name,), top_k=2), out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["conv"], line["qa"]) for line in lines] == [(name, 0), (name, 1), (name, 2)]
    assert [line["results"][0]["sources"] for line in lines] == [["D1:2"], ["D1:1"], ["D2:1"]]
    assert all(len(line["results"]) <= 2 and line["ms"] > 0 for line in lines)
    assert (figures["turns"], figures["questions"]) == (3, 3)
    assert figures.keys() >= {"ingest_turns_per_s", "search_p50_ms", "search_p95_ms"}
