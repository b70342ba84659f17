"""An index that is lost, damaged or made for something else is made anew by ``memos index``, on real servers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from memos.configs.mem_os import MOSConfig
from memos.ids import CubeId, MemoryId, TenantId
from memos.mem_os.main import MOS
from memos.memories.textual.stores import TextStores
from memos.settings import Settings
from memos.types import Memory
from memos.vec_dbs.base import IndexRow
from memos.wiring import open_stores
from tests.support.command import Finished, assert_mistake, run_memos
from tests.support.command_here import run_here

pytestmark = [pytest.mark.servers, pytest.mark.models]

SAID = {"notes": "I own a red bicycle.", "diary": "My sister lives in Porto."}

Memos = Callable[..., Finished]
Damage = Callable[[TextStores, TenantId], None]


@pytest.fixture
def tenants(tenant: TenantId) -> list[TenantId]:
    return [tenant, TenantId(f"{tenant}-other")]


@pytest.fixture
def own(settings: Settings, tenants: list[TenantId], tmp_path: Path) -> Settings:
    """The servers with a collection and a users' database of this test, in which two tenants have two cubes each."""
    named = {"data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}", "redis_url": None}
    own = settings.model_copy(update=named)
    for tenant in tenants:
        with open_mos(own, tenant) as mos:
            for cube, said in SAID.items():
                mos.create_cube_for_user(cube, owner_id="ana")
                mos.add([{"role": "user", "content": said}], mem_cube_id=cube)
    return own


@pytest.fixture
def stores(own: Settings) -> Iterator[TextStores]:
    opened = open_stores(own)
    yield opened
    opened.close()


@pytest.fixture
def places(own: Settings) -> dict[str, str]:
    return {
        "MEMOS_DATA_DIR": str(own.data_dir),
        "MEMOS_NEO4J_URL": str(own.neo4j_url),
        "MEMOS_NEO4J_USER": own.neo4j_user,
        "MEMOS_NEO4J_PASSWORD": own.neo4j_password.get_secret_value(),
        "MEMOS_NEO4J_DATABASE": own.neo4j_database,
        "MEMOS_MILVUS_URL": str(own.milvus_url),
        "MEMOS_MILVUS_COLLECTION": own.milvus_collection,
    }


@pytest.fixture
def memos(places: dict[str, str]) -> Memos:
    """The command in this process, which has imported the embedder's packages already."""
    return lambda *arguments: run_here("index", *arguments, "--json", **places)


def open_mos(own: Settings, tenant: TenantId) -> MOS:
    return MOS(MOSConfig(user_id="ana"), settings=own.model_copy(update={"tenant": tenant}))


def assert_all_found(own: Settings, tenants: list[TenantId]) -> None:
    for tenant in tenants:
        with open_mos(own, tenant) as mos:
            for cube, said in SAID.items():
                [shelf] = mos.search(said, mem_cube_ids=[cube])["text_mem"]
                assert [said in item.memory for item in shelf["memories"]] == [True]


def the_memory(stores: TextStores, tenant: TenantId) -> Memory:
    [memory] = stores.graph.list_memories(tenant, CubeId("notes"))
    return memory


def add_surplus(stores: TextStores, tenant: TenantId) -> None:
    stray = replace(the_memory(stores, tenant), id=MemoryId("stray"))
    stores.index.upsert(tenant, [IndexRow(memory=stray, vector=[1.0, *[0.0] * (stores.embedder.dimension - 1)])])


def lose_rows(stores: TextStores, tenant: TenantId) -> None:
    stores.index.delete(tenant, CubeId("notes"), [the_memory(stores, tenant).id])


def lose_collection(stores: TextStores, _: TenantId) -> None:
    stores.index.drop()


def make_for_another_embedder(stores: TextStores, _: TenantId) -> None:
    stores.index.drop()
    stores.index.ensure(dimension=3, model="another-model")


DAMAGES: list[Damage] = [lose_rows, add_surplus, lose_collection, make_for_another_embedder]


@pytest.mark.parametrize("damage", DAMAGES)
def test_after_any_damage_a_rebuilt_index_finds_everything(
    memos: Memos, own: Settings, stores: TextStores, tenants: list[TenantId], damage: Damage
) -> None:
    damage(stores, tenants[0])
    rebuilt = memos("rebuild", "--yes")
    assert (rebuilt.code, rebuilt.json) == (0, {"tenants": 2, "cubes": 4, "memories": 4})
    assert_all_found(own, tenants)
    checked = memos("verify")
    assert (checked.code, checked.json["missing"], checked.json["surplus"]) == (0, 0, 0)


def test_what_differs_is_told_then_repaired(
    memos: Memos, own: Settings, stores: TextStores, tenants: list[TenantId]
) -> None:
    lose_rows(stores, tenants[0])
    add_surplus(stores, tenants[1])
    told = {"tenants": 2, "cubes": 4, "memories": 4, "missing": 1, "surplus": 1}
    for _ in range(2):
        checked = memos("verify")
        assert (checked.code, checked.json) == (1, {**told, "repaired": False})
    assert f"{tenants[0]}/notes: 1 memories, 1 missing, 0 surplus" in checked.err
    assert memos("verify", "--tenant", tenants[0], "--cube", "diary").code == 0
    repaired = memos("verify", "--repair")
    assert (repaired.code, repaired.json) == (0, {**told, "repaired": True})
    assert memos("verify").code == 0
    assert_all_found(own, tenants)


def test_one_cube_is_rebuilt_alone(memos: Memos, stores: TextStores, tenants: list[TenantId]) -> None:
    for tenant in tenants:
        lose_rows(stores, tenant)
    assert memos("rebuild", "--tenant", tenants[0], "--cube", "notes").json["memories"] == 1
    assert len(stores.index.list_ids(tenants[0], CubeId("notes"))) == 1
    assert stores.index.list_ids(tenants[1], CubeId("notes")) == []
    assert len(stores.index.list_ids(tenants[1], CubeId("diary"))) == 1


def test_a_collection_for_another_embedder_is_refused_with_what_to_do_until_all_of_it_is_rebuilt(
    memos: Memos, places: dict[str, str], own: Settings, stores: TextStores, tenants: list[TenantId]
) -> None:
    make_for_another_embedder(stores, tenants[0])
    refused = run_memos("index", "rebuild", "--tenant", tenants[0], cwd=own.data_dir, **places)
    assert_mistake(refused, "another-model", "memos index rebuild")
    assert memos("rebuild", "--yes").code == 0
    assert memos("verify").code == 0
