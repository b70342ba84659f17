from hypothesis import given
from hypothesis import strategies as st

from memos.ids import TenantId
from scheduler.fairness import interleave, share_slots

tenants = st.lists(st.integers(0, 50).map(lambda n: TenantId(f"t{n}")), unique=True)


@given(waiting=tenants, slots=st.integers(-5, 100))
def test_no_slot_is_given_twice_and_none_is_wasted(waiting: list[TenantId], slots: int) -> None:
    shares = share_slots(waiting, slots)
    assert sum(shares.values()) == (max(slots, 0) if waiting else 0)


@given(waiting=tenants, slots=st.integers(0, 100))
def test_shares_differ_by_one_at_most_and_the_longest_waiting_come_first(waiting: list[TenantId], slots: int) -> None:
    shares = share_slots(waiting, slots)
    counts = [shares.get(tenant, 0) for tenant in waiting]
    assert counts == sorted(counts, reverse=True)
    assert max(counts, default=0) - min(counts, default=0) <= 1


def test_a_tenant_alone_gets_everything() -> None:
    assert share_slots([TenantId("a")], 16) == {"a": 16}


@given(groups=st.lists(st.lists(st.integers())))
def test_interleaving_keeps_all_and_each_groups_order(groups: list[list[int]]) -> None:
    marked = [[(place, item) for item in group] for place, group in enumerate(groups)]
    mixed = interleave(marked)
    assert len(mixed) == sum(map(len, groups))
    assert [[pair for pair in mixed if pair[0] == place] for place in range(len(groups))] == marked


def test_nobodys_share_stands_wholly_before_anothers() -> None:
    assert interleave(["aaa", "b", "cc"]) == ["a", "b", "c", "a", "c", "a"]
