"""What a judge decided, in every graph store: written with its job, nothing destroyed, another tenant untouched."""

from memos.graph_dbs.base import GraphStore, JobWrite
from memos.ids import CubeId, JobId, MemoryId, SessionId, TenantId, UserId
from memos.organize.decisions import Action, Decision
from memos.organize.revise import revise
from memos.types import Edge, EdgeType, Memory, MemoryStatus

CUBE, SESSION, USER = CubeId("cube"), SessionId("session"), UserId("ana")


def said(name: str, text: str, at_ms: int) -> Memory:
    return Memory(
        id=MemoryId(name),
        cube=CUBE,
        user=USER,
        session=SESSION,
        text=text,
        speaker="Ana",
        said_at_ms=at_ms,
        created_at_ms=at_ms,
    )


KNOWN = (said("nuts", "No nuts for Ana.", 1), said("tea", "Ana likes tea.", 1), said("boat", "Ana has a boat.", 1))
NEW = (said("fine", "Nuts are fine.", 5), said("likes", "Tea is liked by Ana.", 5), said("none", "Ana has none.", 5))
DECISIONS = tuple(
    Decision(new=new.id, action=action, known=known.id)
    for new, known, action in zip(NEW, KNOWN, (Action.REPLACES, Action.REPEATS, Action.CONTRADICTS), strict=True)
)
EDGES = {
    Edge(source=NEW[0].id, target=KNOWN[0].id, type=EdgeType.SUPERSEDES),
    Edge(source=NEW[1].id, target=KNOWN[1].id, type=EdgeType.MERGED_TO),
    Edge(source=NEW[2].id, target=KNOWN[2].id, type=EdgeType.CONTRADICTS),
}


def write(graph: GraphStore, tenant: TenantId, job: str, memories: tuple[Memory, ...]) -> None:
    known = graph.list_memories(tenant, CUBE)
    (revised,) = revise([memories], known, DECISIONS)
    made, revision = revised.memories, revised.revision
    item = JobWrite(job=JobId(job), user=USER, messages=(), memories=made, revision=revision)
    graph.apply_jobs(tenant, CUBE, SESSION, [item], fence=None)


def test_decisions_are_written_with_their_job_and_once(graph: GraphStore, tenant: TenantId, other: TenantId) -> None:
    write(graph, other, "j1", KNOWN)
    write(graph, tenant, "j1", KNOWN)
    for _ in range(2):
        write(graph, tenant, "j2", NEW)
    stored = {memory.id: memory for memory in graph.list_memories(tenant, CUBE, status=None)}
    assert {name: each.text for name, each in stored.items()} == {each.id: each.text for each in (*KNOWN, *NEW)}
    assert set(graph.find_edges(tenant, CUBE, list(stored))) == EDGES
    assert [name for name, each in stored.items() if each.status is MemoryStatus.ARCHIVED] == ["likes"]
    assert [stored[each.id].invalid_at_ms for each in (*KNOWN, *NEW)] == [5, None, None, None, None, None]
    assert (stored[KNOWN[1].id].said_at_ms, stored[KNOWN[1].id].importance) == (5, 0.625)
    untouched = graph.list_memories(other, CUBE, status=None)
    assert sorted(untouched, key=lambda each: each.id) == sorted(KNOWN, key=lambda each: each.id)
    assert graph.find_edges(other, CUBE, [each.id for each in KNOWN]) == []
