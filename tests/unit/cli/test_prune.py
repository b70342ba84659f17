"""``memos prune`` away from any server: what is asked, and what a mistake costs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.store import UserStore
from tests.support.command import Finished, assert_mistake, run_memos
from tests.support.command_here import run_here

TWINS = {"MEMOS_NEO4J_URL": "memory://", "MEMOS_MILVUS_URL": "memory://"}
Memos = Callable[..., Finished]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The twins, and a user who has a cube."""
    users = UserStore(f"sqlite:///{tmp_path / 'memos.db'}")
    users.create_user(TenantId("acme"), UserId("ann"))
    users.register_cube(TenantId("acme"), CubeId("notes"), owner=UserId("ann"))
    users.close()
    return {**TWINS, "MEMOS_DATA_DIR": str(tmp_path), "MEMOS_TENANT": "acme"}


@pytest.fixture
def memos(places: dict[str, str], tmp_path: Path) -> Memos:
    """The command as a process."""
    return lambda *arguments, **options: run_memos("prune", *arguments, cwd=tmp_path, **{**places, **options})


@pytest.mark.models
def test_a_cube_without_memories_has_nothing_to_prune(places: dict[str, str]) -> None:
    done = run_here("prune", "notes", "--keep", "3", "--json", **places)
    nothing = {"age": 0, "importance": 0, "size": 0}
    expected = {"cube": "notes", "memories": 0, "planned": 0, "pruned": 0, "reasons": nothing, "sample": []}
    rules = [{"rule": "keep", "limit": 3, "said_by": "command"}]
    assert (done.code, done.json) == (0, {**expected, "rules": rules})


@pytest.mark.parametrize("answer", [b"n\n", b""])
def test_nothing_is_deleted_unless_that_is_confirmed(memos: Memos, answer: bytes) -> None:
    asked = memos("notes", "--keep", "1", "--delete", stdin=answer)
    assert (asked.code, asked.out.strip()) == (1, "")
    assert "acme/notes" in asked.err
    assert "Traceback" not in asked.err


@pytest.mark.models
@pytest.mark.parametrize("unasked", ["--yes", "--dry-run"])
def test_nobody_is_asked_about_a_dry_run_or_with_yes(places: dict[str, str], unasked: str) -> None:
    assert run_here("prune", "notes", "--keep", "1", "--delete", unasked, **places).code == 0


@pytest.mark.models
def test_without_a_rule_there_must_be_a_retention(memos: Memos) -> None:
    assert_mistake(memos("notes"), "what to prune", "no retention holds")


@pytest.mark.parametrize("unasked", ["--yes", "--dry-run"])
def test_a_retention_deletes_nothing(memos: Memos, unasked: str) -> None:
    assert_mistake(memos("notes", "--delete", unasked, MEMOS_RETENTION_MEMORIES="5"), "a retention deletes nothing")


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "an age without a unit": (["notes", "--older-than", "180"], ["'180'", "180d"]),
    "an age of nothing": (["notes", "--older-than", "0d"], ["above 0"]),
    "an age in other digits": (["notes", "--older-than", "٣d"], ["--older-than"]),
    "a number of nothing": (["notes", "--keep", "0"], ["from 1", "0"]),
    "an importance above 1": (["notes", "--below-importance", "2"], ["at most 1"]),
    "an impossible cube": (["a\nb", "--keep", "1"], ["control characters"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(memos: Memos, arguments: list[str], words: list[str]) -> None:
    assert_mistake(memos(*arguments), *words)


@pytest.mark.models
def test_a_cube_that_nobody_has_is_one_line(memos: Memos) -> None:
    assert_mistake(memos("absent", "--keep", "1"), "'acme'", "'absent'")
