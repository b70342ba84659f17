"""What cubes say of how long their memories stay, in every graph store: one suite for the twin and a real server."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from memos.graph_dbs.base import DeletedCounts, GraphStore, JobWrite
from memos.ids import CubeId, JobId, MemoryId, SessionId, TenantId, UserId
from memos.organize.retention import Retention
from memos.types import Memory

CUBE, USER, SESSION = CubeId("cube"), UserId("ann"), SessionId("session")
MONTH = Retention(max_age_days=30.5, below_importance=0.25, keep=10**12)
FEW = Retention(keep=3)


def remember(graph: GraphStore, tenant: TenantId) -> None:
    """Write one memory into the cube."""
    memory = Memory(id=MemoryId("m"), cube=CUBE, user=USER, session=SESSION, text="I like tea")
    graph.apply_jobs(
        tenant, CUBE, SESSION, [JobWrite(job=JobId("j"), user=USER, messages=(), memories=(memory,))], fence=None
    )


def test_a_cube_that_never_said_anything_says_nothing(graph: GraphStore, tenant: TenantId) -> None:
    assert graph.find_retention(tenant, CUBE) is None
    remember(graph, tenant)
    assert graph.find_retention(tenant, CUBE) is None


@pytest.mark.parametrize("said", [MONTH, FEW, Retention(max_age_days=0, below_importance=0, keep=0), Retention()])
def test_it_comes_back_as_it_was_said(graph: GraphStore, tenant: TenantId, said: Retention) -> None:
    graph.set_retention(tenant, CUBE, said)
    assert graph.find_retention(tenant, CUBE) == said


def test_another_word_takes_its_place_with_all_of_its_limits(graph: GraphStore, tenant: TenantId) -> None:
    for said in (FEW, MONTH, Retention(below_importance=0.5), FEW, FEW, Retention(), MONTH):
        graph.set_retention(tenant, CUBE, said)
        assert graph.find_retention(tenant, CUBE) == said


def test_a_retention_is_no_memory(graph: GraphStore, tenant: TenantId) -> None:
    graph.set_retention(tenant, CUBE, MONTH)
    assert graph.list_memories(tenant, CUBE, status=None) == []
    assert graph.delete_cube(tenant, CUBE) == DeletedCounts(memories=0, messages=0, jobs=0)


def test_it_goes_with_its_cube(graph: GraphStore, tenant: TenantId) -> None:
    remember(graph, tenant)
    graph.set_retention(tenant, CUBE, MONTH)
    assert graph.delete_cube(tenant, CUBE).memories == 1
    assert graph.find_retention(tenant, CUBE) is None
    graph.set_retention(tenant, CUBE, FEW)
    assert graph.find_retention(tenant, CUBE) == FEW


def test_a_cube_may_be_emptied_without_it(graph: GraphStore, tenant: TenantId) -> None:
    remember(graph, tenant)
    graph.set_retention(tenant, CUBE, MONTH)
    assert graph.delete_cube(tenant, CUBE, keep_settings=True).memories == 1
    assert graph.list_memories(tenant, CUBE, status=None) == []
    assert graph.find_retention(tenant, CUBE) == MONTH


@pytest.mark.parametrize("second", ["cube 2", "cub", "c'\"}) DETACH DELETE n // `$x` {0}"])
def test_another_cube_of_a_like_name_says_what_it_said(graph: GraphStore, tenant: TenantId, second: str) -> None:
    near = CubeId(second)
    graph.set_retention(tenant, CUBE, MONTH)
    assert graph.find_retention(tenant, near) is None
    graph.set_retention(tenant, near, FEW)
    assert graph.find_retention(tenant, CUBE) == MONTH
    graph.delete_cube(tenant, CUBE)
    assert graph.find_retention(tenant, near) == FEW


def test_another_tenants_cube_of_the_same_name_says_what_it_said(
    graph: GraphStore, tenant: TenantId, other: TenantId
) -> None:
    graph.set_retention(tenant, CUBE, MONTH)
    assert graph.find_retention(other, CUBE) is None
    graph.set_retention(other, CUBE, FEW)
    assert graph.find_retention(tenant, CUBE) == MONTH
    graph.delete_cube(tenant, CUBE)
    assert graph.find_retention(other, CUBE) == FEW


def test_of_several_first_words_at_once_one_holds_and_goes_with_the_cube(graph: GraphStore, tenant: TenantId) -> None:
    words = [Retention(keep=number, max_age_days=number) for number in range(8)]
    with ThreadPoolExecutor(len(words)) as threads:
        list(threads.map(lambda said: graph.set_retention(tenant, CUBE, said), words))
    assert graph.find_retention(tenant, CUBE) in words
    graph.delete_cube(tenant, CUBE)
    assert graph.find_retention(tenant, CUBE) is None
