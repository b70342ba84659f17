"""Forgetting users and tenants on real servers: what a receipt counts, and what others keep."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from memos.configs.mem_os import MOSConfig
from memos.ids import TenantId
from memos.mem_os.main import MOS
from memos.organize.retention import Retention
from memos.settings import Settings
from tests.support.command_here import environment_of, run_here

pytestmark = [pytest.mark.servers, pytest.mark.models]


@pytest.fixture
def own(settings: Settings, tenant: TenantId, tmp_path: Path) -> Settings:
    """The servers with a collection and a users' database of this test."""
    named = {"data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}", "redis_url": None, "tenant": tenant}
    return settings.model_copy(update=named)


@pytest.fixture
def tenants(own: Settings) -> Iterator[list[MOS]]:
    """Two tenants with the same names; in each, Ana and Ben have spoken in one session of Ana's cube."""
    with ExitStack() as opened:
        both: list[MOS] = []
        for name in (own.tenant, f"{own.tenant}-other"):
            named = own.model_copy(update={"tenant": name})
            mos = opened.enter_context(MOS(MOSConfig(user_id="root"), settings=named))
            for user in ("ana", "ben"):
                mos.create_user(user)
            mos.create_cube_for_user("notes", owner_id="ana")
            mos.share_cube_with_user("notes", "ben", user_id="ana")
            mos.add([{"role": "user", "name": "Ana", "content": "I own a red bicycle."}], user_id="ana")
            mos.add([{"role": "user", "name": "Ben", "content": "I work as a baker."}], user_id="ben")
            both.append(mos)
        yield both


def texts(mos: MOS) -> list[str]:
    return [node.memory for node in mos.get_all("notes")["text_mem"][0]["memories"]["nodes"]]


def test_a_user_is_forgotten_once_and_nobody_else_is(tenants: list[MOS]) -> None:
    ours, theirs = tenants
    before = texts(theirs)
    receipt = ours.forget_user("ana")
    assert (receipt.memories, receipt.messages, receipt.jobs) == (1, 1, 0)
    (left,) = texts(ours)
    assert "baker" in left
    found = ours.search("red bicycle", mem_cube_ids=["notes"])["text_mem"][0]["memories"]
    assert "bicycle" not in str(found)
    again = ours.forget_user("ana")
    assert (again.memories, again.messages, again.artefacts) == (0, 0, 0)
    assert texts(theirs) == before


def test_a_tenant_is_forgotten_with_its_memories_when_that_is_asked_for(
    tenants: list[MOS], own: Settings, redis_url: str
) -> None:
    ours, theirs = tenants
    for mos in tenants:
        mos.set_retention("notes", keep=9)
    places = {**environment_of(own), "MEMOS_REDIS_URL": redis_url}
    forget = ("tenants", "forget", own.tenant, "--yes", "--json")
    assert "memories" not in run_here(*forget, **places).json
    assert (len(texts(ours)), ours.get_retention("notes")) == (2, Retention(keep=9))
    removed = run_here(*forget, "--memories", **places).json
    assert (removed["tenant"], removed["memories"], removed["messages"]) == (own.tenant, 2, 2)
    assert (texts(ours), ours.get_retention("notes")) == ([], Retention())
    assert ours.search("bicycle", mem_cube_ids=["notes"])["text_mem"][0]["memories"] == []
    again = run_here(*forget, "--memories", **places).json
    assert {name: count for name, count in again.items() if name != "tenant" and count} == {}
    assert (len(texts(theirs)), theirs.get_retention("notes")) == (2, Retention(keep=9))
