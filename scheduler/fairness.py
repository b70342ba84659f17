"""Which tenant's lanes are woken next: surplus deficit round robin, in tokens. Pure: no I/O, no clock, no chance.

    epoch ──> each tenant may use quantum x weight tokens
      ▲            in the line's order, one lane to each in credit; its cost is charged afterwards; to the line's end
      └─────── nobody with room is in credit any more

What a tenant has used of its credit is kept, and nothing else: whoever owes nothing is unknown here. So credit is never
saved up, a tenant that comes back within an epoch finds what it left, and a debt is paid off by the epochs that pass,
whether the tenant waits or not. A lane's cost is known only once it was claimed, hence the surplus instead of a deficit
that must suffice beforehand.

**Bound.** Let tenant i wait with room, let c be the cost of its last claim (0 when it owes nothing), q the quantum, w
the weights and L the largest cost of one lane. Until i is served again, each other tenant j is served less than

    w_j * c / w_i  +  q * w_j  +  2 * L        tokens: its share of c, one quantum, and what cannot be cut

and one that owes nothing waits for at most one lane of each tenant before it in the line. Sessions do not appear in it:
a tenant gains nothing by having many. While only one tenant has room, it gets every place. The line may be longer than
what is seen of it: when everybody in sight is in debt the epoch ends early, and lanes count instead of tokens.

Source: Shreedhar and Varghese, Efficient Fair Queuing using Deficit Round Robin (1996); the surplus form is that of
Adiseshu, Parulkar and Varghese (1996).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, zip_longest
from math import floor
from typing import Final, TypeVar

from memos.ids import TenantId
from scheduler.wakes import Turn

_T = TypeVar("_T")

# A few batches of short messages. Smaller is finer, but costs more epochs; a larger batch is paid off over several.
QUANTUM_TOKENS: Final = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class _Account:
    """What is left of a tenant's credit, at most quantum x weight; negative is a debt."""

    credit: float
    weight: float


@dataclass(kw_only=True, slots=True)
class DeficitRoundRobin:
    """The accounts of one queue's tenants. Turns come in the line's order, the longest waiting first."""

    quantum: int = QUANTUM_TOKENS
    _accounts: dict[TenantId, _Account] = field(default_factory=dict[TenantId, _Account], init=False)

    def choose(self, turns: Sequence[Turn], slots: int) -> dict[TenantId, int]:
        """How many lanes each tenant may have woken now; at most ``slots`` in all, and some when anybody has room.

        One lane to each tenant in credit, so that costs are known before the next; ask again for slots that are left.
        A tenant that alone has room gets as many as it has room for.
        """
        able = [turn for turn in turns if turn.room > 0]
        if slots < 1 or not able:
            return {}
        while not (chosen := list(islice(filter(self.is_in_credit, able), slots))):
            self._begin_epoch(able)
        return self._open(chosen, share=1 if len(able) > 1 else min(slots, able[0].room))

    def charge(self, tenant: TenantId, cost_tokens: int, *, weight: float = 1.0) -> None:
        """Note what a claim costs. ``weight`` is for a tenant that was not chosen and got something all the same."""
        account = self._accounts.get(tenant) or _Account(credit=self.quantum * weight, weight=weight)
        self._accounts[tenant] = replace(account, credit=account.credit - cost_tokens)

    def is_in_credit(self, turn: Turn) -> bool:
        """True while the tenant has not used up what this epoch allows it."""
        account = self._accounts.get(turn.tenant)
        return account is None or account.credit > 0

    def is_fresh(self, turn: Turn) -> bool:
        """True while the tenant has used nothing of what this epoch allows it."""
        return turn.tenant not in self._accounts

    def list_served(self) -> list[TenantId]:
        """The tenants that have used something of this epoch's credit; lanes of theirs may be at work."""
        return list(self._accounts)

    def _open(self, chosen: Sequence[Turn], *, share: int) -> dict[TenantId, int]:
        for turn in chosen:
            full = _Account(credit=self.quantum * turn.weight, weight=turn.weight)
            self._accounts.setdefault(turn.tenant, full)
        return {turn.tenant: share for turn in chosen}

    def _begin_epoch(self, able: Sequence[Turn]) -> None:
        """As many epochs at once as it takes until one of ``able``, who are all in debt, is in credit."""
        weights = {turn.tenant: turn.weight for turn in able}
        rounds = min(self._rounds_to_credit(turn) for turn in able)
        renewed: dict[TenantId, _Account] = {}
        for tenant, account in self._accounts.items():
            weight = weights.get(tenant, account.weight)
            credit = account.credit + rounds * self.quantum * weight
            if credit < self.quantum * weight:
                renewed[tenant] = _Account(credit=credit, weight=weight)
        self._accounts = renewed

    def _rounds_to_credit(self, turn: Turn) -> int:
        return floor(-self._accounts[turn.tenant].credit / (self.quantum * turn.weight)) + 1


def rotate(line: Sequence[Turn], shares: Mapping[TenantId, int], served: Mapping[TenantId, int]) -> list[Turn]:
    """The line after a claim: who got its whole share is at the end, with less room; who got less has no more lanes."""
    stay = [turn for turn in line if turn.tenant not in shares]
    last_us = max((turn.at_us for turn in line), default=0)
    full = [turn for turn in line if turn.tenant in shares and served.get(turn.tenant, 0) >= shares[turn.tenant]]
    return stay + [replace(turn, at_us=last_us + 1, room=turn.room - shares[turn.tenant]) for turn in full]


def find_passed_over(line: Sequence[Turn], shares: Mapping[TenantId, int], most: int) -> list[TenantId]:
    """Up to ``most`` tenants whose turn it was before the last that got a share: they go to the end of the line."""
    places = [place for place, turn in enumerate(line) if turn.tenant in shares]
    before = line[: places[-1]] if places else []
    return [turn.tenant for turn in before if turn.tenant not in shares][:most]


def interleave(groups: Iterable[Iterable[_T]]) -> list[_T]:
    """The first of each group, then the second of each: nobody's share stands wholly before another's."""
    rounds = zip_longest(*([(item,) for item in group] for group in groups), fillvalue=())
    return [item for round_ in rounds for item in chain.from_iterable(round_)]
