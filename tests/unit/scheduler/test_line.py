from memos.ids import TenantId
from scheduler.keys import Queue, shard_of
from scheduler.line import Lines
from scheduler.wakes import Turn, View

TENANTS = [TenantId(f"t{n}") for n in range(6)]


def turn(tenant: TenantId, at_us: int) -> Turn:
    return Turn(at_us=at_us, tenant=tenant, weight=1.0, room=9)


def view(*turns: Turn, shard: int | None = None, queue: Queue = Queue.EXTRACT) -> View:
    due = {queue: list(turns)} if turns else {}
    return View(shard=shard_of(turns[0].tenant) if shard is None else shard, due=due, in_flight={}, next_in_ms=None)


def names(lines: Lines) -> list[str]:
    return [one.tenant for one in lines.by_queue[Queue.EXTRACT]]


def test_the_turns_of_all_shards_are_one_line_ordered_by_time() -> None:
    lines = Lines()
    lines.note([view(turn(tenant, 100 - place)) for place, tenant in enumerate(TENANTS)])
    assert names(lines) == TENANTS[::-1]


def test_a_new_look_replaces_what_was_known_of_its_shard_alone() -> None:
    lines = Lines()
    first, other = TENANTS[0], next(one for one in TENANTS if shard_of(one) != shard_of(TENANTS[0]))
    lines.note([view(turn(first, 1)), view(turn(other, 2))])
    lines.note([view(shard=shard_of(first))])
    assert names(lines) == [other]
    lines.note([view(turn(first, 3))])
    assert names(lines) == [other, first]


def test_a_queue_is_a_line_of_its_own() -> None:
    lines = Lines()
    assert lines.is_empty()
    lines.note([view(turn(TENANTS[0], 1), queue=Queue.KV_BUILD)])
    assert names(lines) == []
    assert not lines.is_empty()
