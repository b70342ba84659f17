"""What cubes want of their facts, in every graph store: one suite for the twin and a real server."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from memos.configs.fact_fields import FactSchema
from memos.configs.reading import ReadingConfig
from memos.graph_dbs.base import DeletedCounts, GraphStore
from memos.ids import CubeId, TenantId
from memos.organize.retention import Retention

CUBE = CubeId("cube")
FIELDS = {
    "part": {"type": "string", "description": 'of the "body", l\'épaule'},
    "side": {"type": "string", "enum": ["left", "right"]},
    "drugs": {"type": "array", "items": {"type": "string"}},
}
PAINS = ReadingConfig(
    instructions='Remember pains.\n"}) DETACH DELETE n // $key',
    categories=("health", "Gesundheit & 健康"),
    fact_schema=FactSchema.model_validate({"properties": FIELDS, "required": ["part"]}),
)
TRIPS = ReadingConfig(instructions="Remember trips.")
NOTHING_AT_ALL = ReadingConfig(instructions="", categories=())


def test_a_cube_that_never_said_anything_says_nothing(graph: GraphStore, tenant: TenantId) -> None:
    assert graph.find_reading(tenant, CUBE) is None
    graph.set_retention(tenant, CUBE, Retention(keep=3))
    assert graph.find_reading(tenant, CUBE) is None


@pytest.mark.parametrize("said", [PAINS, TRIPS, NOTHING_AT_ALL, ReadingConfig()])
def test_it_comes_back_as_it_was_said(graph: GraphStore, tenant: TenantId, said: ReadingConfig) -> None:
    graph.set_reading(tenant, CUBE, said)
    assert graph.find_reading(tenant, CUBE) == said
    assert graph.find_retention(tenant, CUBE) is None


def test_another_word_takes_its_place_with_all_of_its_fields(graph: GraphStore, tenant: TenantId) -> None:
    for said in (TRIPS, PAINS, NOTHING_AT_ALL, PAINS, PAINS, ReadingConfig(), TRIPS):
        graph.set_reading(tenant, CUBE, said)
        assert graph.find_reading(tenant, CUBE) == said


def test_it_goes_with_its_cube_and_is_no_memory(graph: GraphStore, tenant: TenantId) -> None:
    graph.set_reading(tenant, CUBE, PAINS)
    assert graph.list_memories(tenant, CUBE, status=None) == []
    assert graph.delete_cube(tenant, CUBE) == DeletedCounts(memories=0, messages=0, jobs=0)
    assert graph.find_reading(tenant, CUBE) is None
    graph.set_reading(tenant, CUBE, TRIPS)
    assert graph.find_reading(tenant, CUBE) == TRIPS


def test_a_cube_may_be_emptied_without_it(graph: GraphStore, tenant: TenantId) -> None:
    graph.set_reading(tenant, CUBE, PAINS)
    graph.delete_cube(tenant, CUBE, keep_settings=True)
    assert graph.find_reading(tenant, CUBE) == PAINS


@pytest.mark.parametrize("second", ["cube 2", "cub", "c'\"}) DETACH DELETE n // `$x` {0}"])
def test_another_cube_of_a_like_name_says_what_it_said(graph: GraphStore, tenant: TenantId, second: str) -> None:
    near = CubeId(second)
    graph.set_reading(tenant, CUBE, PAINS)
    assert graph.find_reading(tenant, near) is None
    graph.set_reading(tenant, near, TRIPS)
    assert graph.find_reading(tenant, CUBE) == PAINS
    graph.delete_cube(tenant, CUBE)
    assert graph.find_reading(tenant, near) == TRIPS


def test_another_tenants_cube_of_the_same_name_says_what_it_said(
    graph: GraphStore, tenant: TenantId, other: TenantId
) -> None:
    graph.set_reading(tenant, CUBE, PAINS)
    assert graph.find_reading(other, CUBE) is None
    graph.set_reading(other, CUBE, TRIPS)
    assert graph.find_reading(tenant, CUBE) == PAINS
    graph.delete_cube(tenant, CUBE)
    assert graph.find_reading(other, CUBE) == TRIPS


def test_of_several_first_words_at_once_one_holds_and_goes_with_the_cube(graph: GraphStore, tenant: TenantId) -> None:
    words = [ReadingConfig(instructions=f"Remember {number}.") for number in range(8)]
    with ThreadPoolExecutor(len(words)) as threads:
        list(threads.map(lambda said: graph.set_reading(tenant, CUBE, said), words))
    assert graph.find_reading(tenant, CUBE) in words
    graph.delete_cube(tenant, CUBE)
    assert graph.find_reading(tenant, CUBE) is None
