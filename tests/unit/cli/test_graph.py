"""``memos graph show``: counts, the page as a file, and what a mistake costs."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos.graph_dbs.base import GraphStore
from memos.graph_dbs.factory import build_graph
from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.store import UserStore
from memos.settings import Settings
from tests.support.command import Finished, assert_mistake, run_memos
from tests.support.command_here import run_here
from tests.support.sample_graph import CUBE, fill

TWIN = {"MEMOS_NEO4J_URL": "memory://"}
Memos = Callable[..., Finished]


def register(directory: Path, tenant: str, *cubes: str) -> None:
    users = UserStore(f"sqlite:///{directory / 'memos.db'}")
    users.create_user(TenantId(tenant), UserId("ana"))
    for cube in cubes:
        users.register_cube(TenantId(tenant), CubeId(cube), owner=UserId("ana"))
    users.close()


@pytest.fixture
def memos(tmp_path: Path) -> Memos:
    """The command as a process, on an empty graph, with two cubes of one tenant and one of another."""
    register(tmp_path, "acme", CUBE, "diary")
    register(tmp_path, "other", "secret")
    environment = {**TWIN, "MEMOS_DATA_DIR": str(tmp_path), "MEMOS_TENANT": "acme"}
    return lambda *arguments, **options: run_memos(
        "graph", "show", *arguments, cwd=tmp_path, **{**environment, **options}
    )


def test_an_empty_cube_has_counts_and_a_page(memos: Memos, tmp_path: Path) -> None:
    assert memos(CUBE).out == "notes: 0 memories\n"
    assert memos(CUBE, "--json").json == {"cube": CUBE, "memories": 0, "types": {}, "standings": {}, "relations": {}}
    page = tmp_path / "graph.html"
    assert memos(CUBE, "--html", page).out == f"{page}: 0 memories, 0 relations\n"
    assert "This cube has no memories" in page.read_text(encoding="utf-8")


MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "an unknown cube": (["nowhere"], ["'acme' has no cube 'nowhere'", "diary, notes"]),
    "another tenant's cube": (["secret"], ["'acme' has no cube 'secret'"]),
    "a tenant without cubes": ([CUBE, "--tenant", "nobody"], ["'nobody' has no cube", "--data-dir"]),
    "an impossible cube": (["a\nb"], ["control characters"]),
    "a limit without a page": ([CUBE, "--limit", "5"], ["--limit goes with --html"]),
    "a limit of nothing": ([CUBE, "--html", "x.html", "--limit", "0"], ["limit"]),
    "a limit beyond what can be drawn": ([CUBE, "--html", "x.html", "--limit", "1001"], ["limit"]),
    "no directory": ([CUBE, "--html", "missing/x.html"], ["missing", "make it first"]),
    "a directory": ([CUBE, "--html", "."], ["is no file"]),
    "a name that no file has": ([CUBE, "--html", f"{'x' * 300}.html"], ["cannot write", "too long"]),
    "a place where nothing can be written": ([CUBE, "--html", "/proc/x.html"], ["cannot write /proc/x.html"]),
    "a device": ([CUBE, "--html", "/dev/null"], ["is no file"]),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(
    memos: Memos, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    assert_mistake(memos(*arguments), *words)
    assert list(tmp_path.glob("*.html")) == []


def test_a_link_to_itself_is_a_mistake(memos: Memos, tmp_path: Path) -> None:
    (tmp_path / "loop.html").symlink_to("loop.html")
    assert_mistake(memos(CUBE, "--html", "loop.html"), "cannot write loop.html")


def test_a_cube_of_the_tenant_that_is_named_is_found(memos: Memos) -> None:
    assert memos("secret", "--tenant", "other").out == "secret: 0 memories\n"


@pytest.fixture
def filled(settings: Settings, tenant: TenantId, tmp_path: Path) -> Iterator[Memos]:
    """The command in this process, on a real graph where the tenant has the sample cube."""
    register(tmp_path, tenant, CUBE)
    graph: GraphStore = build_graph(settings)
    graph.ensure_schema()
    fill(graph, tenant)
    environment = {
        "MEMOS_DATA_DIR": str(tmp_path),
        "MEMOS_TENANT": tenant,
        "MEMOS_NEO4J_URL": str(settings.neo4j_url),
        "MEMOS_NEO4J_USER": settings.neo4j_user,
        "MEMOS_NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "MEMOS_NEO4J_DATABASE": str(settings.neo4j_database),
    }
    yield lambda *arguments: run_here("graph", "show", CUBE, *arguments, **environment)
    graph.close()


@pytest.mark.servers
def test_types_standings_and_relations_are_counted(filled: Memos) -> None:
    counted = filled("--json").json
    assert (counted["memories"], counted["types"]["LongTermMemory"], counted["standings"]["archived"]) == (6, 3, 1)
    assert counted["relations"] == {"CAUSE": 1, "CONTRADICTS": 1, "RELATES": 1, "SUPERSEDES": 1}
    shown = filled().out
    assert [word for word in ("notes: 6 memories", "UserMemory", "no longer valid", "CAUSE") if word not in shown] == []


@pytest.mark.servers
def test_the_page_replaces_a_file_through_a_link_and_tells_what_is_left_out(filled: Memos, tmp_path: Path) -> None:
    page, link = tmp_path / "graph.html", tmp_path / "link.html"
    page.write_text("old", encoding="utf-8")
    link.symlink_to(page)
    written = filled("--html", str(link), "--limit", "5", "--json").json
    assert written == {"file": str(page), "memories": 5, "relations": 2, "older": 1}
    text = page.read_text(encoding="utf-8")
    assert "Ana lives in Lisbon." in text
    assert "I moved." in text
    assert "Ana lived in Porto." not in text
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["graph.html", "link.html", "memos.db"]
    assert "1 older memories are left out (--limit)" in filled("--html", str(page), "--limit", "5").out


@pytest.mark.servers
def test_without_a_limit_all_of_a_small_cube_is_drawn(filled: Memos, tmp_path: Path) -> None:
    written = filled("--html", str(tmp_path / "graph.html")).out
    assert written.endswith("graph.html: 6 memories, 4 relations\n")
