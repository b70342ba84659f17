"""What has become too old to be kept of tenants: dead letters whose records are gone, tokens used long ago."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from redis import Redis

from memos.ids import TenantId
from scheduler import keys
from scheduler.connection import redis_guard
from scheduler.scripts import Scripts

log = logging.getLogger(__name__)

USAGE_DAYS: Final = 31
_PAGE: Final = 200
_SCAN: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Expiry:
    """Looks at every tenant that has dead letters or usage; some 100,000 keys of Redis a second, in small steps."""

    redis: Redis

    def run(self) -> None:
        """Forget it; harmless when done twice. Raises Unavailable."""
        scripts, tenants = Scripts(self.redis), self._list_tenants()
        letters = days = 0
        while page := list(islice(tenants, _PAGE)):
            calls = [(keys.expiry_keys(tenant), (keys.RECORD_TTL_S, USAGE_DAYS)) for tenant in page]
            for forgotten_letters, forgotten_days in scripts.run_many("expire", calls):
                letters, days = letters + forgotten_letters, days + forgotten_days
        if letters or days:
            log.info("forgot %d dead letters and %d days of usage", letters, days)

    def _list_tenants(self) -> Iterator[TenantId]:
        for name in ("dead", "usage"):
            with redis_guard():
                found = cast(Iterator[str], self.redis.scan_iter(match=f"memos:{{*}}:{name}:*", count=_SCAN))
                for key in found:
                    yield TenantId(key.partition(f"}}:{name}:")[2])
