"""``memos prune`` on real servers: a dry run, the archive, and what is gone for good."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from memos.configs.mem_os import MOSConfig
from memos.ids import TenantId
from memos.mem_os.main import MOS
from memos.settings import Settings
from memos.types import MemoryStatus
from tests.support.command import Finished
from tests.support.command_here import environment_of, run_here

pytestmark = [pytest.mark.servers, pytest.mark.models]

SAID = ["I own a red bicycle.", "My sister lives in Porto.", "I work as a baker."]


@pytest.fixture
def own(settings: Settings, tenant: TenantId, tmp_path: Path) -> Settings:
    """The servers with a collection and a users' database of this test."""
    named = {"data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}", "redis_url": None, "tenant": tenant}
    return settings.model_copy(update=named)


@pytest.fixture
def mos(own: Settings) -> Iterator[MOS]:
    with MOS(MOSConfig(user_id="ana"), settings=own) as opened:
        opened.create_cube_for_user("notes", owner_id="ana")
        yield opened


@pytest.fixture
def memos(own: Settings) -> Callable[..., Finished]:
    places = environment_of(own)
    return lambda *arguments, **more: run_here("prune", "notes", *arguments, **{**places, **more})


def test_all_but_the_best_are_archived_and_then_deleted(mos: MOS, memos: Callable[..., Finished]) -> None:
    bicycle, sister, baker = (mos.add(memory_content=text).memory_ids[0] for text in SAID)
    mos.feedback(sister, "useful")
    mos.pin(baker)

    planned = memos("--keep", "2", "--dry-run", "--json").json
    assert (planned["memories"], planned["planned"], planned["pruned"]) == (3, 1, 0)
    assert [row["id"] for row in planned["sample"]] == [bicycle]
    assert mos.get("notes", bicycle).metadata.status is MemoryStatus.ACTIVATED

    shown = memos("--keep", "2")
    assert [word for word in ("archived", "red bicycle", "size") if word not in shown.out] == []
    assert mos.get("notes", bicycle).metadata.status is MemoryStatus.ARCHIVED
    assert bicycle not in {item.id for item in mos.search("red bicycle")["text_mem"][0]["memories"]}

    assert memos("--keep", "1", "--delete", "--yes", "--json").json["pruned"] == 2
    assert [node.id for node in mos.get_all("notes")["text_mem"][0]["memories"]["nodes"]] == [baker]
    assert memos("--keep", "1", "--delete", "--yes", "--json").json["planned"] == 0


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ([], [("max_age_days", 30.0, "cube"), ("keep", 5, "settings")]),
        (["--keep", "3"], [("keep", 3, "command")]),
    ],
)
def test_without_a_rule_the_retention_holds_and_it_is_told_who_said_so(
    mos: MOS, memos: Callable[..., Finished], asked: list[str], shown: list[tuple[str, float, str]]
) -> None:
    mos.set_retention("notes", max_age_days=30)
    common = {"MEMOS_RETENTION_DAYS": "7", "MEMOS_RETENTION_MEMORIES": "5"}
    done = memos(*asked, "--dry-run", "--json", **common)
    assert [tuple(rule.values()) for rule in done.json["rules"]] == shown
    table = memos(*asked, "--dry-run", **common).out
    assert [word for rule in shown for word in rule if str(word) not in table] == []


def test_what_is_restored_is_found_again(mos: MOS) -> None:
    bicycle = mos.add(memory_content=SAID[0]).memory_ids[0]
    mos.archive(bicycle)
    assert mos.search("red bicycle")["text_mem"][0]["memories"] == []
    restored = mos.restore(bicycle)
    assert restored.metadata.version == 3
    assert [item.id for item in mos.search("red bicycle")["text_mem"][0]["memories"]] == [bicycle]
