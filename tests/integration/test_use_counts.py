"""Uses counted in Redis, on real servers: of all objects of a tenant, until what was used is deleted."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import Unavailable
from memos.ids import CubeId, TenantId
from memos.mem_os.main import MOS
from memos.settings import Settings
from scheduler import keys
from scheduler.broker import sibling_url
from scheduler.connection import connect
from tests.support.command_here import environment_of, run_here
from tests.support.openai_server import OpenAIServer, serving, stream

pytestmark = [pytest.mark.servers, pytest.mark.models]

# In which nobody dispatches or works.
DATABASE = 7
GARAGE = {"role": "user", "content": "I rent a garage.", "chat_time": "2025-03-10"}


class Opener:
    """Opens MOS objects on one installation, as processes of its own would."""

    def __init__(self, settings: Settings, model: OpenAIServer, opened: ExitStack) -> None:
        self.settings = settings
        self._model = {"model_name_or_path": "m", "api_base": model.url, "max_retries": 0, "timeout_s": 5}
        self._opened = opened

    def __call__(self, *, tenant: str | None = None, redis_url: str | None = None, queued: bool = True) -> MOS:
        named = {"tenant": tenant or self.settings.tenant, "redis_url": redis_url or self.settings.redis_url}
        config = MOSConfig(
            user_id="root", enable_mem_scheduler=queued, chat_model={"backend": "openai", "config": self._model}
        )
        return self._opened.enter_context(MOS(config, settings=self.settings.model_copy(update=named)))

    def counted(self, tenant: str, cube: str) -> bool:
        """Whether anything is counted of a cube."""
        redis = connect(str(self.settings.redis_url))
        try:
            return bool(redis.exists(keys.uses_key(TenantId(tenant), CubeId(cube))))
        finally:
            redis.close()


@pytest.fixture
def open_mos(settings: Settings, tenant: TenantId, tmp_path: Path) -> Iterator[Opener]:
    with ExitStack() as opened:
        model = opened.enter_context(serving())
        model.replies = [stream("Noted.")]
        named = {"data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}", "tenant": tenant}
        yield Opener(settings.model_copy(update={**named, "redis_url": sibling_url(settings, DATABASE)}), model, opened)


@pytest.fixture
def tenants(open_mos: Opener) -> tuple[str, str]:
    """Two tenants that have said the same in cubes of the same names."""
    both = (open_mos.settings.tenant, f"{open_mos.settings.tenant}-2")
    for tenant in both:
        mos = open_mos(tenant=tenant, queued=False)
        for cube in ("diary", "notes"):
            mos.create_cube_for_user(cube, owner_id="root")
            mos.add([GARAGE], mem_cube_id=cube)
    return both


def best(mos: MOS) -> dict[str, Any]:
    """The one memory of each cube, as a search finds it."""
    found = mos.search("Which garage do I rent?")
    assert found["degraded"] == []
    return {shelf["cube_id"]: shelf["memories"][0] for shelf in found["text_mem"]}


def chat_twice(mos: MOS, cube: str) -> None:
    for _ in range(2):
        assert mos.chat("Which garage do I rent?", mem_cube_id=cube) == "Noted."


@pytest.mark.parametrize("chosen", ["diary", "notes"])
def test_what_chats_used_comes_before_its_equal_for_every_object_of_the_tenant_alone(
    open_mos: Opener, tenants: tuple[str, str], chosen: str
) -> None:
    before, (ours, theirs) = best(open_mos()), tenants
    assert before["diary"].score == pytest.approx(before["notes"].score)
    chat_twice(open_mos(), chosen)
    found = best(open_mos())
    assert found[chosen].parts["use"] == pytest.approx(0.1099, abs=1e-3)
    assert max(found, key=lambda cube: found[cube].score) == chosen
    assert [cube for cube, item in found.items() if "use" in item.parts] == [chosen]
    assert ["use" in item.parts for item in best(open_mos(tenant=theirs)).values()] == [False, False]
    assert (open_mos.counted(ours, chosen), open_mos.counted(theirs, chosen)) == (True, False)


def test_counts_go_with_what_they_count(open_mos: Opener, tenants: tuple[str, str]) -> None:
    mos, (ours, theirs) = open_mos(), tenants
    for object_, cube in ((mos, "notes"), (mos, "diary"), (open_mos(tenant=theirs), "notes")):
        chat_twice(object_, cube)
    places = {**environment_of(open_mos.settings), "MEMOS_REDIS_URL": str(open_mos.settings.redis_url)}
    pruned = run_here("prune", "notes", "--older-than", "0.000001h", "--delete", "--yes", "--json", **places).json
    assert pruned["pruned"] == 1
    assert (open_mos.counted(ours, "notes"), open_mos.counted(ours, "diary")) == (False, True)
    mos.delete_all("diary")
    assert (open_mos.counted(ours, "diary"), open_mos.counted(theirs, "notes")) == (False, True)


def test_with_redis_away_a_search_ranks_without_and_nothing_is_deleted(
    open_mos: Opener, tenants: tuple[str, str]
) -> None:
    plain = best(open_mos(queued=False))
    away = open_mos(redis_url="redis://127.0.0.1:1/0")
    found = away.search("Which garage do I rent?")
    assert [reason.partition(":")[0] for reason in found["degraded"]] == ["use"]
    for shelf in found["text_mem"]:
        assert shelf["memories"][0].parts == pytest.approx(plain[shelf["cube_id"]].parts)
    with pytest.raises(Unavailable, match="redis"):
        away.delete("notes", plain["notes"].id)
    assert away.get("notes", plain["notes"].id).memory == plain["notes"].memory
