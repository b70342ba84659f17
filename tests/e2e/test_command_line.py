"""The command line on a running stack, which it finds by the data directory alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos.settings import Settings
from tests.support.command import Finished, assert_mistake, run_memos
from tests.support.openai_server import answer, serving

pytestmark = [pytest.mark.servers, pytest.mark.models]

Memos = Callable[..., Finished]


@pytest.fixture
def memos(stack: Settings, tenant: str) -> Memos:
    """Runs ``memos`` for this test's tenant on the stack."""

    def run(*arguments: str | bytes | Path, stdin: bytes = b"", **environment: str) -> Finished:
        data_dir = str(stack.data_dir)
        return run_memos(*arguments, stdin=stdin, **{"MEMOS_DATA_DIR": data_dir, "MEMOS_TENANT": tenant, **environment})

    return run


def test_what_is_added_as_text_file_or_input_is_found_with_its_source(memos: Memos, tmp_path: Path) -> None:
    turn = {"role": "user", "content": "I own a red bicycle.", "name": "Ana", "chat_time": "2025-03-10T09:30:00"}
    (tmp_path / "turns.json").write_text(json.dumps([turn]))
    assert memos("add", "I live in Porto.", "--json").json["state"] == "succeeded"
    assert memos("add", "-", stdin="I drink café con leche.".encode()).out.startswith("succeeded: 1 memories")
    assert memos("add", "--file", tmp_path / "turns.json", "--session", "march").code == 0

    found = memos("search", "bicycle", "--top-k", "1", "--json").json
    (item,) = found["text_mem"][0]["memories"]
    (source,) = item["sources"]
    assert "red bicycle" in item["memory"]
    assert (source["speaker"], source["session_id"], source["content"]) == ("Ana", "march", "I own a red bicycle.")
    shown = memos("search", "what do I drink or own?").out
    assert "I drink café con leche." in shown
    assert "— Ana, 2025-03-10 09:30: “I own a red bicycle.”" in shown


def test_jobs_can_be_listed_shown_and_waited_for(memos: Memos) -> None:
    job = memos("add", "I live in Porto.", "--wait", "0", "--json").json["job_id"]
    assert memos("jobs", "wait", job, "--json").json["state"] == "succeeded"
    assert [record["id"] for record in memos("jobs", "list", "--kind", "extract", "--json").json] == [job]
    assert memos("jobs", "list", "--cube", "elsewhere").out.startswith("no such jobs of")
    table = memos("jobs", "list", "--limit", "1000").out
    assert all(len(line) <= 80 for line in table.splitlines())
    assert [word for word in (job, "extract", "succeeded", "root/default") if word not in table] == []
    shown = memos("jobs", "show", job).out
    assert [word for word in ("succeeded", "attempts", "submitted_at", "memory_ids") if word not in shown] == []
    late = memos("jobs", "cancel", job, "--json")
    assert (late.code, late.json["state"]) == (1, "succeeded")


def test_a_job_that_cannot_end_yet_is_waited_for_in_vain_and_can_be_cancelled(memos: Memos) -> None:
    with serving() as llm:
        llm.replies = [answer("no facts today")]
        job = _add_for_reader(memos, llm.url)
        waited = memos("jobs", "wait", job, "--timeout", "0.2", "--json")
        assert (waited.code, waited.json["final"]) == (1, False)
        states: set[str] = set()
        while "cancelled" not in states and len(llm.requests) < 200:
            states.add(memos("jobs", "cancel", job, "--json").json["state"])
    assert "cancelled" in states
    assert memos("jobs", "list", "--state", "cancelled", "--json").json[0]["id"] == job


def _add_for_reader(memos: Memos, url: str) -> str:
    """A job whose reader asks a model that never says anything useful."""
    script = (
        "import sys; from memos.configs.mem_os import MOSConfig; from memos.mem_os.main import MOS\n"
        "model = {'backend': 'openai', 'config': {'model_name_or_path': 'm', 'api_base': sys.argv[1]}}\n"
        "reader = {'backend': 'simple_struct', 'config': {'llm': model}}\n"
        "with MOS(MOSConfig(enable_mem_scheduler=True, mem_reader=reader)) as mos:\n"
        "    mos.create_cube_for_user('notes', 'root'); print(mos.add(memory_content='I live in Porto.').job_id)"
    )
    shown = memos("config", "show", "--json").json
    environment = {**os.environ, "MEMOS_DATA_DIR": shown["data_dir"], "MEMOS_TENANT": shown["tenant"]}
    ran = subprocess.run(
        [sys.executable, "-c", script, url], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout.strip()


MISTAKES = {
    "a job that never was": (["jobs", "show", "no-such-job"], ["no job", "no-such-job"]),
    "a job of odd letters": (["jobs", "show", b"\xff"], ["no job"]),
    "waiting for no job": (["jobs", "wait", "no-such-job"], ["no job", "no-such-job"]),
    "cancelling no job": (["jobs", "cancel", "no-such-job"], ["no job", "no-such-job"]),
    "a cube of odd letters": (["jobs", "list", "--cube", b"\xff"], ["mem_cube_id"]),
    "an unknown cube": (["search", "x", "--cube", "no-such-cube"], ["no cube 'no-such-cube'"]),
    "a user without a cube": (["search", "x", "--user", "zoe"], ["user 'zoe' has no memory cube", "memos add"]),
    "somebody else's cube": (["search", "x", "--user", "zoe", "--cube", "root"], ["may not open cube 'root'"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_status_2(memos: Memos, arguments: list[str | bytes], words: list[str]) -> None:
    assert_mistake(memos(*arguments), *words)


def test_a_cube_and_a_job_of_another_tenant_are_as_unknown_as_none(memos: Memos) -> None:
    added = memos("add", "My locker code is 7731.", "--user", "ana", "--cube", "diary", "--wait", "0", "--json")
    job = added.json["job_id"]
    assert_mistake(memos("search", "locker", "--cube", "diary", MEMOS_TENANT="umbrella"), "no cube 'diary'")
    assert_mistake(memos("jobs", "show", job, MEMOS_TENANT="umbrella"), "no job")
    assert memos("jobs", "list", "--cube", "diary", "--json", MEMOS_TENANT="umbrella").json == []


def test_processes_that_share_a_data_directory_lose_nothing(memos: Memos) -> None:
    texts = [f"My locker number {number} is at the harbour." for number in range(4)]
    with ThreadPoolExecutor(4) as processes:
        added = list(processes.map(lambda text: memos("add", text, "--user", "ana"), texts))
    assert {(finished.code, finished.err) for finished in added} == {(0, "")}
    found = memos("search", "locker", "--user", "ana", "--top-k", "50", "--json").json["text_mem"]
    assert sorted(item["memory"] for shelf in found for item in shelf["memories"]) == texts


def test_a_chat_is_one_json_document_a_question(memos: Memos) -> None:
    memos("add", "I live in Porto.")
    shown = memos("chat", "Where do I live?", "--json").json
    assert (shown["query"], shown["report"]["prompt_tokens"] > 0) == ("Where do I live?", True)
    assert shown["answer"]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a disk of its own without a free byte."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=False).returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        (tmp_path / "filler").write_bytes(b"x" * 64 * 1024)
        yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_under_the_data_directory_is_said_in_one_line(full_disk: Path) -> None:
    twins = {"MEMOS_NEO4J_URL": "memory://", "MEMOS_MILVUS_URL": "memory://"}
    full = run_memos("add", "I live in Porto.", "--data-dir", full_disk, **twins)
    assert (full.code, full.out, len(full.err.splitlines())) == (1, "", 1), full.err
    assert str(full_disk) in full.err
    assert "disk is full" in full.err
