"""What is printed for people: whole words at 80 columns, and nobody's markup."""

from datetime import UTC, datetime

import pytest

from memos.cli.config import mask_url
from memos.cli.jobs import record_json
from memos.cli.memory import item_row
from memos.cli.output import print_error, print_rows, print_table
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.memories.textual.item import item_of_memory
from memos.types import JobKind, JobRecord, JobState, Lane, Memory, Role, Source

LANE = Lane(tenant=TenantId("acme"), cube=CubeId("notes"), session=SessionId("s"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("redis://:secret@host:1/0", "redis://:**********@host:1/0"),
        ("redis://user:p@ss@host:1/0", "redis://user:**********@host:1/0"),
        ("bolt://host:7687", "bolt://host:7687"),
        ("neo4j", "neo4j"),
        ("http://user@host", "http://user@host"),
    ],
)
def test_a_url_is_shown_without_its_password(value: str, shown: str) -> None:
    assert mask_url(value) == shown


def test_a_cell_is_text_and_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("T", ("one", "two"), [("[red]x[/red]", "\\[/b]")])
    print_rows([("[bold]", "[/]")])
    shown = capsys.readouterr().out
    assert [cell for cell in ("[red]x[/red]", "\\[/b]", "[bold]", "[/]") if cell not in shown] == []


def test_no_rows_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([])
    assert capsys.readouterr().out == ""


def test_an_error_is_one_line_whatever_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("a\n  b [red]c")
    assert capsys.readouterr().err == "memos: a b [red]c\n"


def test_a_found_memory_shows_its_source_shortened() -> None:
    said_at = int(datetime(2025, 3, 10, 9, 30, tzinfo=UTC).timestamp() * 1000)
    source = Source(
        message_id=MessageId("m"),
        session=SessionId("s"),
        role=Role.USER,
        speaker="Ana",
        text="word " * 1000,
        said_at_ms=said_at,
    )
    memory = Memory(id=MemoryId("x"), cube=CubeId("c"), user=UserId("u"), session=SessionId("s"), text="Fact.")
    score, text = item_row(item_of_memory(memory, [source]))
    first, second = text.split("\n")
    assert (score, first) == ("", "Fact.")
    assert second.startswith("— Ana, 2025-03-10 09:30: “word word")
    assert second.endswith(" …”")
    assert len(second) < 200


def test_a_job_in_json_has_its_times_in_iso_8601() -> None:
    record = JobRecord(
        id=JobId("j"),
        kind=JobKind.EXTRACT,
        lane=LANE,
        user=UserId("ana"),
        state=JobState.RUNNING,
        submitted_at_ms=1_700_000_000_000,
        started_at_ms=1_700_000_000_250,
    )
    shown = record_json(record)
    assert (shown["submitted_at"], shown["finished_at"]) == ("2023-11-14T22:13:20.000+00:00", None)
    assert (shown["wait_ms"], shown["run_ms"], shown["final"]) == (250, None, False)
