"""The demonstration's promises fail when they are broken."""

from pathlib import Path

import pytest

from memos.cli.demo import make_anew
from memos.demo.checks import check_found, check_isolated, check_jobs, percentile, statistics_of
from memos.demo.run import ChatComparison, chat_checks
from memos.demo.script import Question, Script, Session, Turn, load_scripts
from memos.errors import InvalidConfig, InvalidRequest
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.kv.chat import ChatReport
from memos.memories.textual.item import TextualMemoryItem, item_of_memory
from memos.types import JobKind, JobRecord, JobState, Lane, Memory, Role, Source

ROOT = Path(__file__).parents[3]
SESSION = SessionId("s")
LANE = Lane(tenant=TenantId("acme"), cube=CubeId("c"), session=SESSION)
QUESTION = Question(question="Where?", kind="fact", expect=("in Porto",), absent=("in Paris",))


def found(text: str) -> TextualMemoryItem:
    """A memory that rests on one message."""
    source = Source(message_id=MessageId("m"), session=SESSION, role=Role.USER, speaker="Ana", text=text, said_at_ms=0)
    memory = Memory(id=MemoryId("x"), cube=CubeId("c"), user=UserId("u"), session=SESSION, text=text)
    return item_of_memory(memory, [source])


def script(*said: str) -> Script:
    """A user who said these things."""
    turns = tuple(Turn(role="user", name="Eve", content=text, chat_time="2025-01-01") for text in said)
    session = Session(session="s", date="2025-01-01", turns=turns)
    who = {"tenant": "umbrella", "user": "eve", "cube": "eves", "speaker": "Eve"}
    return Script.model_validate({**who, "sessions": [session], "chat": "Who am I?", "questions": []})


def job(state: JobState = JobState.SUCCEEDED, *, run_ms: int | None = 10) -> JobRecord:
    return JobRecord(
        id=JobId("j"),
        kind=JobKind.EXTRACT,
        lane=LANE,
        user=UserId("ana"),
        state=state,
        submitted_at_ms=1,
        started_at_ms=3,
        finished_at_ms=None if run_ms is None else 3 + run_ms,
    )


def test_an_answer_must_rest_on_what_was_said() -> None:
    assert check_found(QUESTION, [found("I live in Porto.")]).passed
    missing = check_found(QUESTION, [found("I live in Rome.")])
    assert (missing.passed, "in Porto" in missing.detail) == (False, True)
    assert not check_found(QUESTION, []).passed


@pytest.mark.parametrize("leaked", ["I am Eve.", "I live in Paris."])
def test_a_word_of_another_tenant_fails_the_demonstration(leaked: str) -> None:
    assert check_isolated(QUESTION, [found("I live in Porto.")], script("I am Eve.")).passed
    assert not check_isolated(QUESTION, [found(leaked)], script("I am Eve.")).passed


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.SUCCEEDED])
def test_a_job_that_did_not_succeed_fails_the_demonstration(state: JobState) -> None:
    assert check_jobs([job()]).passed
    assert not check_jobs([job(), job(state)]).passed
    assert not check_jobs([]).passed


@pytest.mark.parametrize(("text", "cached_tokens", "passed"), [("a", 9, True), ("b", 9, False), ("a", 0, False)])
def test_the_artefact_must_be_used_and_change_nothing(text: str, cached_tokens: int, passed: bool) -> None:
    plain = ChatReport(prompt_tokens=10, cached_tokens=0, tier=None, miss="not wanted")
    cached = ChatReport(prompt_tokens=10, cached_tokens=cached_tokens, tier="disk", miss=None)
    compared = ChatComparison(question="?", plain_text="a", cached_text=text, plain=plain, cached=cached)
    assert all(check.passed for check in chat_checks(compared)) is passed


def test_statistics_are_of_what_was_measured() -> None:
    (row,) = statistics_of([job(run_ms=10), job(run_ms=20), job(JobState.DEAD, run_ms=None)])
    assert (row.count, row.failed, row.wait_p50, row.run_p50) == (3, 1, 2, 15)
    assert statistics_of([]) == []


@pytest.mark.parametrize(("values", "wanted"), [([], None), ([7.0], 7.0), ([1.0, 2.0, 3.0], 2.0)])
def test_a_median_of_few_is_right(values: list[float], wanted: float | None) -> None:
    assert percentile(values, 50) == wanted


def test_the_conversations_are_as_large_as_promised() -> None:
    scripts = load_scripts(ROOT / "examples" / "data" / "conversations")
    assert len({script.tenant for script in scripts}) == len(scripts) == 2
    for script_ in scripts:
        assert len({session.date for session in script_.sessions}) >= 4
        assert sum(len(session.turns) for session in script_.sessions) >= 60
        said = [turn.content for session in script_.sessions for turn in session.turns]
        wanted = [part for question in script_.answerable for part in question.expect]
        assert [part for part in wanted if not any(part in text for text in said)] == []


@pytest.mark.parametrize("text", ["{", "[]", '{"tenant": "acme"}', '{"nope": 1}'])
def test_a_conversation_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ana.json").write_text(text)
    with pytest.raises(InvalidConfig, match=r"ana\.json"):
        load_scripts(tmp_path)


def test_only_a_directory_of_its_own_is_made_anew(tmp_path: Path) -> None:
    make_anew(tmp_path / "demo")
    (tmp_path / "demo" / "old").touch()
    make_anew(tmp_path / "demo")
    assert not (tmp_path / "demo" / "old").exists()
    (tmp_path / "thesis").touch()
    with pytest.raises(InvalidRequest, match="not of an earlier demo"):
        make_anew(tmp_path)
    assert (tmp_path / "thesis").exists()
