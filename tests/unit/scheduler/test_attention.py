from memos.ids import TenantId
from memos.types import JobKind
from scheduler.attention import IDLE_S, Attention
from scheduler.wakes import View

DUE = {JobKind.EXTRACT: [(1, TenantId("a"))]}


def test_at_first_every_shard_is_looked_at() -> None:
    assert Attention(3).choose(0.0) == [0, 1, 2]


def test_an_idle_shard_is_looked_at_again_after_a_while_or_a_signal() -> None:
    attention = Attention(2)
    attention.note(
        [View(shard=0, due={}, next_in_ms=None), View(shard=1, due={}, next_in_ms=None)], now_s=10, pause_s=1
    )
    assert attention.choose(10 + IDLE_S / 2) == []
    assert attention.sleep_s(10) == IDLE_S
    attention.signal(1)
    assert attention.choose(10.0) == [1]
    assert attention.sleep_s(10) == 0


def test_a_turn_that_is_known_to_come_is_awaited() -> None:
    attention = Attention(1)
    attention.note([View(shard=0, due={}, next_in_ms=300)], now_s=10, pause_s=1)
    assert attention.choose(10.2) == []
    assert attention.choose(10.3) == [0]


def test_a_backlog_is_part_of_every_look() -> None:
    attention = Attention(2)
    attention.note(
        [View(shard=0, due=DUE, next_in_ms=None), View(shard=1, due={}, next_in_ms=None)], now_s=10, pause_s=1
    )
    attention.signal(1)
    assert attention.choose(10.1) == [0, 1]
    attention.note([View(shard=0, due={}, next_in_ms=None)], now_s=10.1, pause_s=1)
    attention.signal(1)
    assert attention.choose(10.2) == [1]
