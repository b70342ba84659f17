"""Tenants whose turn it is, the longest waiting first, as Redis keeps them; the policy that picks is the real one."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Protocol

from memos.ids import TenantId
from scheduler.fairness import DeficitRoundRobin, find_passed_over
from scheduler.wakes import Turn

# As many turns as one look at all shards may show.
_LOOK: Final = 32 * 16
# scheduler/feeder.py
_CROWD: Final = 32
_MOST_PASSED_OVER: Final = 16
_NO_CAP: Final = 1 << 30


class Policy(Protocol):
    """scheduler.fairness.DeficitRoundRobin, or another one to compare it with."""

    def choose(self, turns: Sequence[Turn], slots: int) -> Mapping[TenantId, int]: ...

    def charge(self, tenant: TenantId, cost_tokens: int) -> None: ...


@dataclass(kw_only=True, slots=True)
class Line:
    """Ready lanes by tenant. A tenant at its cap leaves the line until one of its lanes comes back."""

    policy: Policy = field(default_factory=DeficitRoundRobin)
    max_in_flight: int = 0
    look: int = _LOOK
    _ready: dict[int, deque[int]] = field(default_factory=dict[int, deque[int]], init=False)
    _turns: dict[int, Turn] = field(default_factory=dict[int, Turn], init=False)
    _in_flight: dict[int, int] = field(default_factory=dict[int, int], init=False)

    def __len__(self) -> int:
        """How many tenants wait and could be served."""
        return len(self._turns)

    def add(self, tenant: int, lane: int) -> None:
        """The lane has work and nobody works it."""
        self._ready.setdefault(tenant, deque()).append(lane)
        self._renew_turn(tenant)

    def release(self, tenant: int) -> None:
        """One of the tenant's lanes is not in flight any more."""
        self._in_flight[tenant] -= 1
        if not self._in_flight[tenant]:
            del self._in_flight[tenant]
        self._renew_turn(tenant)

    def claim(self, slots: int, cost_tokens: Callable[[int], int]) -> list[tuple[int, int]]:
        """Tenant and lane of all to be woken now, at most ``slots``: the dispatcher's loop of choosing and charging."""
        claimed: list[tuple[int, int]] = []
        while len(claimed) < slots and self._turns:
            turns = list(islice(self._turns.values(), self.look))
            shares = self.policy.choose(turns, slots - len(claimed))
            self._pass_over(turns, shares)
            for name, share in shares.items():
                lanes = self._take(int(name), share)
                self.policy.charge(name, sum(map(cost_tokens, lanes)))
                claimed += ((int(name), lane) for lane in lanes)
        return claimed

    def _pass_over(self, turns: Sequence[Turn], shares: Mapping[TenantId, int]) -> None:
        """As the dispatcher does: who stands before the chosen without credit must not hide those behind."""
        if len(turns) >= _CROWD:
            for name in find_passed_over(turns, shares, _MOST_PASSED_OVER):
                self._turns[int(name)] = self._turns.pop(int(name))

    def _take(self, tenant: int, share: int) -> list[int]:
        ready = self._ready[tenant]
        lanes = [ready.popleft() for _ in range(min(share, len(ready)))]
        if not ready:
            del self._ready[tenant]
        self._in_flight[tenant] = self._in_flight.get(tenant, 0) + len(lanes)
        # To the end of the line.
        del self._turns[tenant]
        self._renew_turn(tenant)
        return lanes

    def _renew_turn(self, tenant: int) -> None:
        """In its place if it has one; else at the end, if it has ready lanes and room."""
        room = self.max_in_flight - self._in_flight.get(tenant, 0) if self.max_in_flight else _NO_CAP
        if tenant in self._ready and room > 0:
            self._turns[tenant] = Turn(at_us=0, tenant=TenantId(str(tenant)), weight=1.0, room=room)
