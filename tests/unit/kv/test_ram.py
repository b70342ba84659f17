from collections.abc import Callable, Sequence

from memos.kv.ram import RamTier
from memos.kv.state import KVState

Make = Callable[[Sequence[int]], KVState]


def test_the_least_recently_used_state_makes_room(make_state: Make) -> None:
    size = make_state(range(10)).size_bytes
    tier = RamTier(size * 2)
    for name in ("a", "b"):
        tier.put(name, make_state(range(10)))
    assert tier.find("a") is not None
    tier.put("c", make_state(range(10)))
    assert [name for name in "abc" if tier.find(name)] == ["a", "c"]
    assert tier.used_bytes == size * 2


def test_a_state_larger_than_the_tier_is_not_held_and_drops_nobody(make_state: Make) -> None:
    tier = RamTier(make_state(range(10)).size_bytes)
    tier.put("a", make_state(range(10)))
    tier.put("big", make_state(range(11)))
    assert tier.find("a") is not None
    assert tier.find("big") is None


def test_putting_a_state_again_counts_it_once(make_state: Make) -> None:
    tier = RamTier(10**6)
    for _ in range(3):
        tier.put("a", make_state(range(10)))
    assert tier.used_bytes == make_state(range(10)).size_bytes
    tier.drop(["a", "unknown"])
    assert tier.used_bytes == 0
