"""A small cube for what draws graphs: memories of every sort, with relations and messages, and texts that bite."""

from collections.abc import Sequence
from typing import Any

from memos.graph_dbs.base import GraphStore, JobWrite
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, JobId, MemoryId, MessageId, SessionId, TenantId, UserId
from memos.types import Edge, EdgeType, Memory, MemoryStatus, MemoryType, Message, Role
from memos.view.snapshot import Snapshot, read_snapshot

TENANT, CUBE, SESSION = TenantId("acme"), CubeId("notes"), SessionId("s1")
NOW_MS = 1_760_000_000_000
SAID_MS = 1_700_000_000_000
DAY_MS = 86_400_000

MARKUP = (
    '<script>document.title = "pwned"</script><img src=x onerror="document.title = \'pwned\'"> @text @{text}{safe} $x'
)
ARABIC = "أنا أسكن في لشبونة 🚢"


def memory(number: int, text: str, **values: Any) -> Memory:
    """A memory of the cube, said and made so many days after the first."""
    at_ms = SAID_MS + number * DAY_MS
    rest: dict[str, Any] = {"user": UserId("ana"), "session": SESSION, "said_at_ms": at_ms, "created_at_ms": at_ms}
    return Memory(id=MemoryId(f"m{number}"), cube=CUBE, text=text, **{**rest, **values})


def edge(source: int, target: int, relation: EdgeType) -> Edge:
    """A relation between two of these memories."""
    return Edge(source=MemoryId(f"m{source}"), target=MemoryId(f"m{target}"), type=relation)


MEMORIES = (
    memory(0, "Ana lived in Porto.", invalid_at_ms=SAID_MS + DAY_MS, source_ids=(MessageId("said-0"),)),
    memory(1, "Ana lives in Lisbon.", valid_at_ms=SAID_MS + DAY_MS, source_ids=(MessageId("said-1"),)),
    memory(2, "Ana loves old westerns.", memory_type=MemoryType.USER),
    memory(3, "The ferry was late.", memory_type=MemoryType.WORKING, status=MemoryStatus.ARCHIVED),
    memory(4, MARKUP, memory_type=MemoryType.OUTER, source_ids=(MessageId("said-4"),)),
    memory(5, ARABIC),
)
EDGES = (
    edge(1, 0, EdgeType.SUPERSEDES),
    edge(1, 0, EdgeType.CONTRADICTS),
    edge(3, 1, EdgeType.CAUSE),
    edge(2, 1, EdgeType.RELATES),
)
MESSAGES = (
    Message(id=MessageId("said-0"), role=Role.USER, text="I am from Porto.", speaker="Ana", said_at_ms=SAID_MS),
    Message(id=MessageId("said-1"), role=Role.USER, text="I moved.", speaker="Ana", said_at_ms=SAID_MS + DAY_MS),
    Message(id=MessageId("said-4"), role=Role.USER, text=f"Said {MARKUP}", speaker="<i>Eve</i>", said_at_ms=SAID_MS),
)


def fill(
    graph: GraphStore,
    tenant: TenantId = TENANT,
    *,
    memories: Sequence[Memory] = MEMORIES,
    messages: Sequence[Message] = MESSAGES,
    edges: Sequence[Edge] = EDGES,
) -> None:
    """Write them as one job of the cube."""
    job = JobWrite(job=JobId("j1"), user=UserId("ana"), messages=tuple(messages), memories=tuple(memories))
    graph.apply_jobs(tenant, CUBE, SESSION, [job], fence=None)
    graph.link(tenant, CUBE, edges)


def take_snapshot(limit: int = 100, **filled: Any) -> Snapshot:
    """The cube as it is read from the graph's twin."""
    graph = MemoryGraph()
    fill(graph, **filled)
    return read_snapshot(graph, TENANT, CUBE, limit=limit, now_ms=NOW_MS)
