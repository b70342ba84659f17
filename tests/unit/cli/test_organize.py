"""``memos organize`` away from any server: which cube is meant, and what a mistake costs."""

from pathlib import Path

import pytest

from memos.errors import InvalidRequest, NotFound
from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.store import UserStore
from tests.support.command_here import run_here

pytestmark = pytest.mark.models


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The twins, with a user who has a cube."""
    users = UserStore(f"sqlite:///{tmp_path / 'memos.db'}")
    users.create_user(TenantId("acme"), UserId("ann"))
    users.register_cube(TenantId("acme"), CubeId("notes"), owner=UserId("ann"))
    users.close()
    return {"MEMOS_NEO4J_URL": "memory://", "MEMOS_MILVUS_URL": "memory://", "MEMOS_DATA_DIR": str(tmp_path)}


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_an_empty_cube_has_nothing_to_put_in_order(places: dict[str, str], options: list[str]) -> None:
    done = run_here("organize", "notes", "--tenant", "acme", "--json", *options, **places)
    assert done.code == 0
    assert (done.json["fresh"], done.json["summaries"], done.json["left"]) == (0, [], False)


def test_a_cube_that_does_not_exist_is_a_mistake(places: dict[str, str]) -> None:
    with pytest.raises(NotFound, match="tenant 'acme' has no cube 'typo'; see --tenant"):
        run_here("organize", "typo", "--tenant", "acme", **places)


def test_an_id_that_is_none_is_a_mistake(places: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="mem_cube_id"):
        run_here("organize", " ", **places)
