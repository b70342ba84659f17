from hypothesis import given
from hypothesis import strategies as st

from scheduler.keys import Queue
from scheduler.priorities import INTERACTIVE_PER_BULK, PAIR, POOLS, Precedence


@given(places=st.lists(st.integers(0, 9), max_size=60))
def test_while_both_wait_bulk_has_one_place_in_five(places: list[int]) -> None:
    precedence = Precedence()
    given_to = dict.fromkeys(PAIR, 0)
    for n in places:
        shares = precedence.divide(n, PAIR)
        assert sum(shares.values()) == n
        for queue, share in shares.items():
            given_to[queue] += share
        total = sum(given_to.values())
        assert given_to[Queue.EXTRACT_BULK] == total // (INTERACTIVE_PER_BULK + 1)


def test_whoever_waits_alone_gets_every_place() -> None:
    for queue in Queue:
        assert Precedence().divide(7, [queue]) == {queue: 7}


def test_bulk_that_was_alone_lets_interactive_go_first() -> None:
    precedence = Precedence()
    for _ in range(3):
        precedence.divide(1, PAIR)
    precedence.divide(50, [Queue.EXTRACT_BULK])
    shares = [precedence.divide(1, PAIR) for _ in range(5)]
    assert shares == [{Queue.EXTRACT: 1}] * 4 + [{Queue.EXTRACT_BULK: 1}]


def test_bulk_is_not_starved_by_interactive_that_was_alone() -> None:
    precedence = Precedence()
    for _ in range(4):
        precedence.divide(1, PAIR)
    precedence.divide(100, [Queue.EXTRACT])
    assert precedence.divide(1, PAIR) == {Queue.EXTRACT_BULK: 1}


def test_nothing_is_divided_when_there_is_nothing() -> None:
    assert Precedence().divide(0, PAIR) == {}
    assert Precedence().divide(-3, [Queue.KV_BUILD]) == {}
    assert Precedence().divide(5, []) == {}


def test_every_queue_has_its_places_once() -> None:
    assert sorted(queue for pool in POOLS for queue in pool) == sorted(Queue)
