"""``memos index`` away from any server: which cubes are meant, what is asked, and what a mistake costs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.store import UserStore
from tests.support.command import Finished, assert_mistake, run_memos
from tests.support.command_here import run_here

TWINS = {"MEMOS_NEO4J_URL": "memory://", "MEMOS_MILVUS_URL": "memory://"}
CUBES = [("acme", "notes"), ("acme", "diary"), ("other", "notes")]

Memos = Callable[..., Finished]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The twins, with users of two tenants who have three cubes."""
    users = UserStore(f"sqlite:///{tmp_path / 'memos.db'}")
    for tenant, cube in CUBES:
        users.create_user(TenantId(tenant), UserId("ann"))
        users.register_cube(TenantId(tenant), CubeId(cube), owner=UserId("ann"))
    users.close()
    return {**TWINS, "MEMOS_DATA_DIR": str(tmp_path)}


@pytest.fixture
def memos(places: dict[str, str], tmp_path: Path) -> Memos:
    """The command as a process."""
    return lambda *arguments, **options: run_memos("index", *arguments, cwd=tmp_path, **{**places, **options})


@pytest.fixture
def memos_here(places: dict[str, str]) -> Memos:
    """The command in this process, which has imported the embedder's packages already."""
    return lambda *arguments, **options: run_here("index", *arguments, **places, **options)


CHOICES: dict[str, tuple[list[str], list[str]]] = {
    "all": ([], ["acme/diary", "acme/notes", "other/notes"]),
    "of a tenant": (["--tenant", "acme"], ["acme/diary", "acme/notes"]),
    "one": (["--tenant", "other", "--cube", "notes"], ["other/notes"]),
    "one that no user has": (["--tenant", "acme", "--cube", "unlisted"], ["acme/unlisted"]),
    "one of the tenant of the settings": (["--cube", "notes"], ["default/notes"]),
}


@pytest.mark.models
@pytest.mark.parametrize("command", [["verify"], ["rebuild", "--yes"]])
@pytest.mark.parametrize(("options", "meant"), CHOICES.values(), ids=CHOICES)
def test_the_cubes_that_are_meant_are_told_one_by_one_and_counted(
    memos_here: Memos, command: list[str], options: list[str], meant: list[str]
) -> None:
    done = memos_here(*command, *options, "--json")
    assert done.code == 0, done.err
    assert [line.partition(":")[0] for line in done.err.splitlines()] == meant
    tenants = {place.partition("/")[0] for place in meant}
    counted = {"tenants": len(tenants), "cubes": len(meant), "memories": 0}
    assert {name: done.json[name] for name in counted} == counted


@pytest.mark.models
def test_people_are_shown_a_table(memos_here: Memos) -> None:
    shown = memos_here("verify", "--tenant", "acme")
    assert [word for word in ("tenants", "cubes", "missing", "surplus") if word not in shown.out] == []


@pytest.mark.parametrize("answer", [b"n\n", b""])
def test_nothing_is_dropped_unless_that_is_confirmed(memos: Memos, answer: bytes) -> None:
    asked = memos("rebuild", "--json", stdin=answer)
    assert (asked.code, asked.out.strip()) == (1, "")
    assert [word for word in ("memos_memories", "3 cubes") if word not in asked.err] == []
    assert "Traceback" not in asked.err


@pytest.mark.models
def test_an_answer_of_yes_is_enough(memos_here: Memos) -> None:
    rebuilt = memos_here("rebuild", stdin=b"y\n")
    assert (rebuilt.code, rebuilt.err.count(": 0 memories")) == (0, 3)


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "a tenant without cubes": (["--tenant", "nobody"], ["'nobody'", "--cube"]),
    "an impossible tenant": (["--tenant", ""], ["tenant must have 1 to 128 characters"]),
    "an impossible cube": (["--cube", "a\nb"], ["cube", "control characters"]),
}


@pytest.mark.parametrize("command", ["verify", "rebuild"])
@pytest.mark.parametrize(("options", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(memos: Memos, command: str, options: list[str], words: list[str]) -> None:
    assert_mistake(memos(command, *options), *words)


@pytest.mark.models
def test_a_server_that_is_away_is_one_line(memos: Memos) -> None:
    away = memos("verify", MEMOS_NEO4J_URL="bolt://127.0.0.1:1")
    assert (away.code, away.out, len(away.err.splitlines())) == (1, "", 1)
    assert "neo4j" in away.err
