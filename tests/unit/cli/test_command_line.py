"""The command line as a process: what exists, what a mistake costs, and that no secret is shown."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memos.cli.main import app
from tests.support.command import assert_mistake, run_memos

COMMANDS = {
    "": [
        *("up", "down", "status", "doctor", "demo", "add", "search", "chat", "jobs", "dlq", "tenants", "models"),
        *("config", "bench", "index"),
    ],
    "jobs": ["list", "show", "wait", "cancel"],
    "dlq": ["list", "show", "replay", "drop"],
    "tenants": ["show", "set", "reset", "forget"],
    "index": ["verify", "rebuild"],
    "models": ["list", "install"],
    "config": ["show"],
    "bench": ["path"],
}
PRINTING = [
    *("up", "status", "doctor", "demo", "add", "search", "chat", "jobs list", "jobs show", "jobs wait", "jobs cancel"),
    *("dlq list", "dlq show", "dlq replay", "dlq drop", "tenants show", "tenants set", "tenants reset"),
    *("tenants forget", "models list", "config show", "bench path", "index verify", "index rebuild"),
]
TWINS = {"MEMOS_NEO4J_URL": "memory://", "MEMOS_MILVUS_URL": "memory://"}


@pytest.mark.parametrize("group", COMMANDS)
def test_help_lists_every_command(group: str) -> None:
    shown = CliRunner().invoke(app, [*group.split(), "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0
    assert [name for name in COMMANDS[group] if f" {name} " not in shown.output] == []


@pytest.mark.parametrize("group", ["", "jobs"])
def test_without_a_command_the_help_is_shown_and_the_status_is_2(group: str) -> None:
    shown = run_memos(*group.split())
    assert (shown.code, shown.err) == (2, "")
    assert "Commands" in shown.out


@pytest.mark.parametrize("command", PRINTING)
def test_what_prints_prints_json_too(command: str) -> None:
    assert "--json" in CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "80"}).output


MISTAKES: dict[str, tuple[list[str | bytes], list[str]]] = {
    "unknown command": (["nope"], ["No such command 'nope'", "--help"]),
    "unknown option": (["search", "x", "--nope"], ["No such option: --nope"]),
    "missing argument": (["search"], ["Missing argument 'query'"]),
    "out of range": (["search", "x", "--top-k", "0"], ["--top-k", "greater than or equal to 1"]),
    "not a number": (["search", "x", "--top-k", "many"], ["--top-k", "valid integer"]),
    "unknown state": (["jobs", "list", "--state", "lost"], ["--state", "'lost'", "'queued'", "'dead'"]),
    "unknown kind": (["jobs", "list", "--kind", "lost"], ["--kind", "'lost'", "'extract'"]),
    "negative wait": (["jobs", "wait", "j", "--timeout", "-1"], ["--timeout"]),
    "no such time": (["jobs", "list", "--since", "yesterday"], ["--since", "'yesterday'", "%Y-%m-%d"]),
    "no scheduler for letters": (["dlq", "list"], ["no scheduler is running", "memos up"]),
    "nothing to set": (["tenants", "set", "t"], ["nothing to set", "--help"]),
    "no scheduler": (["jobs", "list"], ["no scheduler is running", "memos up"]),
    "nothing to add": (["add"], ["give either a text or --file"]),
    "both text and file": (["add", "x", "--file", "y"], ["give either a text or --file"]),
    "no such file": (["add", "--file", "nowhere.json"], ["nowhere.json", "No such file"]),
    "a folder for a file": (["add", "--file", "."], ["Is a directory"]),
    "an empty query": (["search", ""], ["query is empty"]),
    "a lone surrogate": (["search", b"\xff"], ["lone surrogate"]),
    "an impossible tenant": (["search", "x", "--tenant", ""], ["tenant must have 1 to 128 characters"]),
    "an impossible user": (["search", "x", "--user", "a\nb"], ["user_id", "control characters"]),
    "an impossible cube": (["search", "x", "--cube", b"\xff"], ["mem_cube_id"]),
    "an impossible session": (["add", "x", "--session", "~kv"], ["session_id '~kv'", "reserved"]),
    "no cube yet": (["search", "x"], ["user 'root' has no memory cube", "memos add"]),
    "no conversations": (["demo", "--conversations", "nowhere"], ["nowhere holds no conversations"]),
    "an unknown model": (["models", "install", "gpt-9"], ["'gpt-9'", "known: smollm2-135m"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_status_2(arguments: list[str | bytes], words: list[str], tmp_path: Path) -> None:
    assert_mistake(run_memos(*arguments, cwd=tmp_path, **TWINS), *words)


BAD_SETTINGS = {
    "MEMOS_CHAT_DTYPE": ("int4", ["chat_dtype", "'float32', 'bfloat16' or 'float16'", "'int4'"]),
    "MEMOS_DEVICE": ("tpu", ["device", "'auto', 'cpu' or 'cuda'", "'tpu'"]),
    "MEMOS_READER": ("magic", ["reader", "'rules' or 'simple_struct'", "'magic'"]),
    "MEMOS_REDIS": ("redis://x", ["MEMOS_REDIS", "MEMOS_REDIS_URL"]),
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_a_malformed_setting_names_field_value_and_what_is_allowed(name: str) -> None:
    value, words = BAD_SETTINGS[name]
    assert_mistake(run_memos("config", "show", **{name: value}), *words)


BAD_URLS = {
    "MEMOS_REDIS_URL": ("http://x:secret@h", ["jobs", "list"], "redis://"),
    "MEMOS_NEO4J_URL": ("http://x:secret@h", ["add", "x"], "bolt|neo4j"),
    "MEMOS_MILVUS_URL": ("ftp://x:secret@h", ["add", "x"], "https?"),
    "MEMOS_DATABASE_URL": ("mysql://x:secret@h", ["search", "x"], "postgresql, sqlite"),
}


@pytest.mark.parametrize("name", BAD_URLS)
def test_a_url_of_the_wrong_sort_is_refused_without_showing_it(name: str, tmp_path: Path) -> None:
    url, arguments, allowed = BAD_URLS[name]
    refused = run_memos(*arguments, cwd=tmp_path, **{**TWINS, name: url})
    assert_mistake(refused, allowed)
    assert "secret" not in refused.err


INPUTS: dict[str, tuple[bytes, list[str]]] = {
    "5 MB": (b"a" * 5_000_000, ["5,000,000 bytes", "1,000,000"]),
    "NUL": (b"a\x00b", ["NUL character at position 1"]),
    "not UTF-8": (b"\xff\xfe", ["lone surrogate"]),
    "nothing": (b"", ["content is empty"]),
}


@pytest.mark.parametrize(("given", "words"), INPUTS.values(), ids=INPUTS)
def test_input_that_cannot_be_stored_is_refused(given: bytes, words: list[str], tmp_path: Path) -> None:
    assert_mistake(run_memos("add", "-", stdin=given, cwd=tmp_path, **TWINS), *words)


def test_input_in_a_strict_encoding_is_refused_as_well(tmp_path: Path) -> None:
    refused = run_memos("chat", stdin=b"\xff", cwd=tmp_path, PYTHONIOENCODING="utf-8:strict", **TWINS)
    assert_mistake(refused, "standard input is not utf-8 text")


FILES: dict[str, tuple[bytes, list[str]]] = {
    "no JSON": (b"hello", ["is not JSON"]),
    "not UTF-8": (b"\xff\xfe", ["is not JSON"]),
    "too deep": (b"[" * 100_000, ["nested too deeply"]),
    "one message": (b'{"role": "user", "content": "x"}', ["messages must be a list, not dict"]),
    "no messages": (b'["x"]', ["messages[0] must be a mapping"]),
    "a lone surrogate": (b'[{"role": "user", "content": "\\ud800"}]', ["lone surrogate"]),
}


@pytest.mark.parametrize(("given", "words"), FILES.values(), ids=FILES)
def test_a_file_that_holds_no_messages_is_refused(given: bytes, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "messages.json").write_bytes(given)
    assert_mistake(run_memos("add", "--file", "messages.json", cwd=tmp_path, **TWINS), *words)


def test_the_demonstration_removes_nothing_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    assert_mistake(run_memos("demo", "--data-dir", tmp_path), str(tmp_path), "choose another --data-dir")
    assert (tmp_path / "thesis.tex").exists()


def test_settings_are_shown_without_their_secrets() -> None:
    secrets = {
        "MEMOS_REDIS_URL": "redis://:hidden-1@localhost:6379/0",
        "MEMOS_NEO4J_PASSWORD": "hidden-2",
        "MEMOS_MILVUS_TOKEN": "root:hidden-3",
        "MEMOS_DATABASE_URL": "postgresql://memos:hidden-4@localhost/memos",
        "MEMOS_LLM_API_KEY": "hidden-5",
        "MEMOS_FLOWER_PASSWORD": "hidden-6",
    }
    for arguments in ([], ["--json"]):
        shown = run_memos("config", "show", *arguments, **secrets)
        assert (shown.code, "hidden" in shown.out) == (0, False)
    assert json.loads(shown.out)["redis_url"] == "redis://:**********@localhost:6379/0"


def test_a_server_that_is_away_is_one_line_and_status_1(tmp_path: Path) -> None:
    away = run_memos("jobs", "list", cwd=tmp_path, MEMOS_REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert (away.code, away.out, len(away.err.splitlines())) == (1, "", 1)
    assert "redis is unavailable" in away.err
    assert "hidden" not in away.err
