"""Which tenant's lanes are woken next. Pure. Weights, caps and deficits find their place in ``share_slots``.

Tenants come in the order of their turns, the one that has waited longest first; whoever got a share and has more to
do goes to the end of that line (scheduler/lua/claim.lua). So a tenant with a thousand lanes waits like one with one.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import TypeVar

from memos.ids import TenantId

_T = TypeVar("_T")


def share_slots(waiting: Sequence[TenantId], slots: int) -> dict[TenantId, int]:
    """How many lanes each tenant may have woken now: equal shares that differ by one at most.

    When there are more tenants than slots, the first ``slots`` of them get one each. Never gives more than there is,
    and gives all when anybody waits.
    """
    if slots < 1 or not waiting:
        return {}
    each, rest = divmod(slots, len(waiting))
    shares = {tenant: each + (place < rest) for place, tenant in enumerate(waiting)}
    return {tenant: share for tenant, share in shares.items() if share}


def interleave(groups: Sequence[Iterable[_T]]) -> list[_T]:
    """The first of each group, then the second of each: nobody's share stands wholly before another's."""
    rounds = zip_longest(*([(item,) for item in group] for group in groups), fillvalue=())
    return [item for round_ in rounds for item in chain.from_iterable(round_)]
