from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from memos.ids import TenantId
from scheduler.fairness import DeficitRoundRobin, find_passed_over, interleave, rotate
from scheduler.wakes import Turn

Q = 100
LARGEST = 350


def turn(tenant: str, *, at_us: int = 1, weight: float = 1.0, room: int = 1_000_000) -> Turn:
    return Turn(at_us=at_us, tenant=TenantId(tenant), weight=weight, room=room)


@dataclass
class Tenant:
    """What a simulated tenant brings: its lanes' costs, given out again and again unless it is finite."""

    costs: Sequence[int]
    weight: float = 1.0
    room: int = 1_000_000
    lanes_left: float = inf
    served: int = 0
    spent: int = 0
    last_cost: int = 0

    def take(self) -> int:
        cost = self.costs[self.served % len(self.costs)]
        self.lanes_left -= 1
        self.served += 1
        self.spent += cost
        return cost


@dataclass
class World:
    """The line as Redis keeps it, and workers that finish at once. Notes what each wait costs others."""

    tenants: Mapping[str, Tenant]
    policy: DeficitRoundRobin = field(default_factory=lambda: DeficitRoundRobin(quantum=Q))
    line: deque[str] = field(default_factory=deque)
    order: list[str] = field(default_factory=list)
    since: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.line.extend(name for name, tenant in self.tenants.items() if tenant.lanes_left)
        self.since = {name: dict.fromkeys(self.tenants, 0) for name in self.line}

    def arrive(self, name: str) -> None:
        self.line.append(name)
        self.since[name] = dict.fromkeys(self.tenants, 0)

    def turns(self) -> list[Turn]:
        return [
            turn(name, at_us=place, weight=self.tenants[name].weight, room=self.tenants[name].room)
            for place, name in enumerate(self.line)
        ]

    def step(self, slots: int) -> int:
        """One look: places are filled as the feeder fills them; returns how many stayed free."""
        left = slots
        line = self.turns()
        while shares := self.policy.choose(line, left):
            served = {TenantId(name): self._serve(name, share) for name, share in shares.items()}
            line = rotate(line, shares, served)
            left -= sum(served.values())
        return left

    def _serve(self, name: str, share: int) -> int:
        tenant, count, cost = self.tenants[name], 0, 0
        while count < share and tenant.lanes_left > 0:
            count += 1
            cost += tenant.take()
            self.order.append(name)
        if count == 0:
            return 0
        self._check_wait(name)
        self.policy.charge(TenantId(name), cost)
        tenant.last_cost = cost
        self.line.remove(name)
        del self.since[name]
        for waiting in self.since.values():
            waiting[name] += cost
        if tenant.lanes_left > 0:
            self.arrive(name)
        return count

    def _check_wait(self, name: str) -> None:
        """The bound that scheduler/fairness.py states."""
        me = self.tenants[name]
        for other, got in self.since[name].items():
            if other != name:
                weight = self.tenants[other].weight
                assert got < weight * me.last_cost / me.weight + Q * weight + 2 * LARGEST


costs = st.lists(st.integers(1, LARGEST), min_size=1, max_size=5)
weights = st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0])
backlogged = st.builds(Tenant, costs=costs, weight=weights)
crowds = st.lists(backlogged, min_size=2, max_size=8).map(lambda crowd: {f"t{n}": one for n, one in enumerate(crowd)})


@settings(deadline=None)
@given(crowd=crowds, slots=st.integers(1, 4))
def test_no_backlogged_tenant_waits_more_than_its_share_plus_one_quantum(crowd: dict[str, Tenant], slots: int) -> None:
    world = World(crowd)
    for _ in range(200):
        assert world.step(slots) == 0  # and World checks the bound at each claim


@settings(deadline=None)
@given(crowd=crowds, steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 7)), max_size=200))
def test_the_bound_holds_for_tenants_that_come_and_go(crowd: dict[str, Tenant], steps: list[tuple[int, int]]) -> None:
    for tenant in crowd.values():
        tenant.lanes_left = 0
    world = World(crowd)
    for slots, comer in steps:
        name = f"t{comer}"
        if name in crowd:
            if crowd[name].lanes_left == 0:
                world.arrive(name)
            crowd[name].lanes_left += 3
        waiting = sum(tenant.lanes_left for tenant in crowd.values())
        assert world.step(slots) == max(0, slots - waiting)  # work-conserving


@settings(deadline=None)
@given(crowd=crowds, slots=st.integers(1, 4))
def test_tokens_follow_the_weights(crowd: dict[str, Tenant], slots: int) -> None:
    world = World(crowd)
    for _ in range(300):
        world.step(slots)
    for one in crowd.values():
        for other in crowd.values():
            apart = abs(one.spent / one.weight - other.spent / other.weight)
            assert apart <= 2 * Q + LARGEST / one.weight + LARGEST / other.weight


def test_a_thousand_sessions_gain_nothing() -> None:
    """A lane each, or one that comes again: to the policy both are one tenant in the line."""
    world = World({"sybil": Tenant([50], lanes_left=1000), "honest": Tenant([50], lanes_left=1000)})
    for _ in range(400):
        world.step(1)
    assert abs(world.order.count("sybil") - world.order.count("honest")) <= 2


def test_a_newcomer_waits_for_one_lane_of_each_before_it() -> None:
    crowd = {f"t{n}": Tenant([90]) for n in range(5)} | {"new": Tenant([10], lanes_left=0)}
    world = World(crowd)
    for _ in range(37):
        world.step(1)
    crowd["new"].lanes_left = 1
    world.arrive("new")
    before = len(world.order)
    while "new" not in world.order:
        world.step(1)
    assert len(world.order) - before <= 6


def test_costly_lanes_come_less_often() -> None:
    world = World({"large": Tenant([300]), "small": Tenant([30])})
    for _ in range(440):
        world.step(1)
    assert 8 < world.order.count("small") / world.order.count("large") < 12


def test_a_tenant_alone_gets_every_place_in_one_claim() -> None:
    policy = DeficitRoundRobin()
    assert policy.choose([turn("a")], 16) == {"a": 16}
    policy.charge(TenantId("a"), 1_000_000)
    assert policy.choose([turn("a")], 16) == {"a": 16}


def test_a_tenant_that_was_alone_for_long_does_not_pay_for_it() -> None:
    crowd = {"old": Tenant([90]), "new": Tenant([90], lanes_left=0)}
    world = World(crowd)
    for _ in range(1000):
        world.step(2)
    crowd["new"].lanes_left = inf
    world.arrive("new")
    before = world.order.count("old")
    for _ in range(50):
        world.step(1)
    assert abs((world.order.count("old") - before) - 25) <= 3


def test_idle_time_is_not_saved_up() -> None:
    crowd = {"busy": Tenant([90]), "lazy": Tenant([90], lanes_left=0)}
    world = World(crowd)
    for _ in range(100):
        world.step(1)
    crowd["lazy"].lanes_left = inf
    world.arrive("lazy")
    for _ in range(20):
        world.step(1)
    assert 8 <= world.order[100:].count("lazy") <= 12


def test_coming_and_going_within_a_round_earns_no_second_quantum() -> None:
    crowd = {"steady": Tenant([10]), "pulser": Tenant([50], lanes_left=0)}
    world = World(crowd)
    for _ in range(400):
        if crowd["pulser"].lanes_left == 0:
            crowd["pulser"].lanes_left = 1
            world.arrive("pulser")
        world.step(1)
    assert crowd["pulser"].spent <= crowd["steady"].spent + 2 * Q + 2 * LARGEST


def test_a_debt_is_kept_while_its_tenant_is_away() -> None:
    policy = DeficitRoundRobin(quantum=Q)
    assert policy.choose([turn("debtor"), turn("other")], 1) == {"debtor": 1}
    policy.charge(TenantId("debtor"), 10 * Q)
    assert policy.choose([turn("other"), turn("third")], 1) == {"other": 1}
    policy.charge(TenantId("other"), 10)
    assert policy.choose([turn("debtor"), turn("other")], 1) == {"other": 1}


def test_a_debt_is_paid_by_the_rounds_that_others_take() -> None:
    policy = DeficitRoundRobin(quantum=Q)
    policy.choose([turn("debtor"), turn("other")], 1)
    policy.charge(TenantId("debtor"), 3 * Q)
    for _ in range(5):
        policy.choose([turn("other"), turn("third", room=0)], 1)
        policy.charge(TenantId("other"), Q)
    assert policy.is_fresh(turn("debtor"))


def test_a_tenant_at_its_cap_is_left_out_and_no_place_stays_free() -> None:
    policy = DeficitRoundRobin()
    assert policy.choose([turn("capped", room=0), turn("a")], 4) == {"a": 4}
    assert policy.choose([turn("capped", room=0)], 4) == {}
    assert policy.choose([turn("a", room=3)], 4) == {"a": 3}


def test_there_is_no_share_without_a_place_or_a_tenant() -> None:
    assert DeficitRoundRobin().choose([turn("a")], 0) == {}
    assert DeficitRoundRobin().choose([], 5) == {}


@given(crowd=crowds, slots=st.lists(st.integers(0, 4), max_size=50))
@settings(deadline=None)
def test_the_same_history_leads_to_the_same_choices(crowd: dict[str, Tenant], slots: list[int]) -> None:
    copies = [World({name: Tenant(one.costs, weight=one.weight) for name, one in crowd.items()}) for _ in range(2)]
    for world in copies:
        for places in slots:
            world.step(places)
    assert copies[0].order == copies[1].order


def test_a_tenant_that_was_not_chosen_is_charged_as_well() -> None:
    policy = DeficitRoundRobin(quantum=Q)
    policy.charge(TenantId("a"), 2 * Q, weight=2.0)
    assert policy.choose([turn("a"), turn("b")], 2) == {"b": 1}
    assert policy.list_served() == ["a", "b"]


def test_after_a_claim_the_served_are_last_and_who_had_no_more_is_gone() -> None:
    line = [turn("a", room=5), turn("b"), turn("c"), turn("d")]
    left = rotate(line, {TenantId("a"): 1, TenantId("c"): 1}, {TenantId("a"): 1, TenantId("c"): 0})
    assert [one.tenant for one in left] == ["b", "d", "a"]
    assert left[-1].room == 4
    assert left[-1].at_us > max(one.at_us for one in left[:-1])


def test_who_was_passed_over_stood_before_somebody_who_was_not() -> None:
    line = [turn(name) for name in "abcde"]
    shares = {TenantId("b"): 1, TenantId("d"): 1}
    assert find_passed_over(line, shares, 16) == ["a", "c"]
    assert find_passed_over(line, shares, 1) == ["a"]
    assert find_passed_over(line, {}, 16) == []


@given(groups=st.lists(st.lists(st.integers())))
def test_interleaving_keeps_all_and_each_groups_order(groups: list[list[int]]) -> None:
    marked = [[(place, item) for item in group] for place, group in enumerate(groups)]
    mixed = interleave(marked)
    assert len(mixed) == sum(map(len, groups))
    assert [[pair for pair in mixed if pair[0] == place] for place in range(len(groups))] == marked


def test_nobodys_share_stands_wholly_before_anothers() -> None:
    assert interleave(["aaa", "b", "cc"]) == ["a", "b", "c", "a", "c", "a"]
