from memos.ids import TenantId
from scheduler.attention import (
    DUE_GOOD_FOR_S,
    IDLE_GOOD_FOR_S,
    IDLE_S,
    Attention,
)
from scheduler.keys import Queue
from scheduler.wakes import Turn, View

DUE = {Queue.EXTRACT: [Turn(at_us=1, tenant=TenantId("a"), weight=1.0, room=5)]}


def view(shard: int, *, due: bool = False, next_in_ms: int | None = None) -> View:
    return View(shard=shard, due=DUE if due else {}, in_flight={}, next_in_ms=next_in_ms)


def test_at_first_every_shard_is_looked_at() -> None:
    assert Attention(3).choose(0.0) == [0, 1, 2]


def test_an_idle_shard_is_looked_at_again_after_a_while_or_a_signal() -> None:
    attention = Attention(2)
    attention.note([view(0), view(1)], now_s=10)
    assert attention.choose(10 + IDLE_S / 2) == []
    assert attention.sleep_s(10) == IDLE_S
    attention.signal(1)
    assert attention.choose(10.0) == [1]
    assert attention.sleep_s(10) == 0


def test_a_turn_that_is_known_to_come_is_awaited() -> None:
    attention = Attention(1)
    attention.note([view(0, next_in_ms=300)], now_s=10)
    assert attention.choose(10.2) == []
    assert attention.choose(10.3) == [0]


def test_a_backlog_is_looked_at_again_before_long_or_when_it_is_used_up() -> None:
    attention = Attention(1)
    attention.note([view(0, due=True)], now_s=10)
    assert attention.choose(10.01) == []
    assert attention.choose(10 + DUE_GOOD_FOR_S) == [0]
    attention.hurry()
    assert attention.choose(10.01) == [0]


def test_while_some_shard_is_busy_idle_ones_are_not_left_to_their_signals() -> None:
    attention = Attention(2)
    attention.note([view(0, due=True), view(1)], now_s=10)
    assert attention.choose(10 + 1.5 * IDLE_GOOD_FOR_S) == [1]
    attention.note([view(0), view(1)], now_s=10.05)
    assert attention.choose(10.05 + IDLE_S / 2) == []


def test_used_up_turns_of_an_idle_shard_hurry_nobody() -> None:
    attention = Attention(1)
    attention.note([view(0)], now_s=10)
    attention.hurry()
    assert attention.choose(10.01) == []
