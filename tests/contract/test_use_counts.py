"""What every keeper of use counts does: one suite for the twin in RAM and for a real Valkey."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.recall.fuse import Key
from memos.recall.use import MemoryUseCounts, UseCounts, join_levels
from memos.settings import Settings
from scheduler import keys
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.scheduler import MemScheduler
from scheduler.uses import RedisUseCounts

CUBE, OTHER = CubeId("cube"), CubeId("other")
TEA, BOAT, CAT, DOG = (MemoryId(name) for name in ("tea", "boat", "cat", "dog"))
# A level of this century, with all its digits.
LEVEL = 2_893.518_518_518_518_5
DATABASE = 7

Open = Callable[..., UseCounts]


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    client = connect(sibling_url(settings, DATABASE))
    yield client
    client.close()


@pytest.fixture(params=["memory", pytest.param("server", marks=pytest.mark.servers)])
def open_counts(request: pytest.FixtureRequest) -> Open:
    if request.param == "memory":
        return MemoryUseCounts
    client = request.getfixturevalue("redis")
    return lambda most=2_000: RedisUseCounts(client, most=most)


@pytest.fixture
def counts(open_counts: Open) -> UseCounts:
    return open_counts()


def here(*memories: MemoryId, cube: CubeId = CUBE) -> list[Key]:
    return [(cube, memory) for memory in memories]


class TestUseCounts:
    def test_what_was_never_used_has_no_level(self, counts: UseCounts, tenant: TenantId) -> None:
        assert counts.find(tenant, here(TEA, BOAT)) == {}
        assert counts.find(tenant, []) == {}

    def test_a_use_has_its_level_to_the_last_digit(self, counts: UseCounts, tenant: TenantId) -> None:
        counts.add(tenant, here(TEA), LEVEL)
        assert counts.find(tenant, here(TEA, BOAT)) == {(CUBE, TEA): LEVEL}

    @pytest.mark.parametrize("later", [LEVEL, LEVEL + 0.25, LEVEL + 60, LEVEL + 3_000, LEVEL - 1])
    def test_a_second_use_is_joined_to_the_first(self, counts: UseCounts, tenant: TenantId, later: float) -> None:
        counts.add(tenant, here(TEA), LEVEL)
        counts.add(tenant, here(TEA), later)
        assert counts.find(tenant, here(TEA))[CUBE, TEA] == pytest.approx(join_levels(LEVEL, later), abs=1e-9)

    def test_memories_of_several_cubes_are_counted_and_found_at_once(self, counts: UseCounts, tenant: TenantId) -> None:
        both = [*here(TEA, BOAT), *here(TEA, cube=OTHER)]
        counts.add(tenant, both, LEVEL)
        assert counts.find(tenant, [*both, *here(CAT)]) == dict.fromkeys(both, LEVEL)

    def test_beyond_the_bound_the_least_used_of_a_cube_go_first(self, open_counts: Open, tenant: TenantId) -> None:
        counts = open_counts(most=2)
        counts.add(tenant, here(TEA), LEVEL)
        counts.add(tenant, here(BOAT), LEVEL + 1)
        counts.add(tenant, here(TEA, cube=OTHER), LEVEL)
        counts.add(tenant, here(TEA), LEVEL + 2)
        counts.add(tenant, here(CAT), LEVEL + 2)
        everywhere = [*here(TEA, BOAT, CAT), *here(TEA, cube=OTHER)]
        assert counts.find(tenant, everywhere).keys() == {(CUBE, TEA), (CUBE, CAT), (OTHER, TEA)}

    def test_what_is_forgotten_has_no_level_and_the_rest_keeps_its_own(
        self, counts: UseCounts, tenant: TenantId
    ) -> None:
        counts.add(tenant, [*here(TEA, BOAT), *here(TEA, cube=OTHER)], LEVEL)
        counts.forget(tenant, CUBE, [TEA, DOG])
        counts.forget(tenant, CUBE, [])
        found = counts.find(tenant, [*here(TEA, BOAT), *here(TEA, cube=OTHER)])
        assert found.keys() == {(CUBE, BOAT), (OTHER, TEA)}

    def test_a_forgotten_cube_has_no_levels_and_another_keeps_its_own(
        self, counts: UseCounts, tenant: TenantId
    ) -> None:
        counts.add(tenant, [*here(TEA, BOAT), *here(TEA, cube=OTHER)], LEVEL)
        counts.forget_cube(tenant, CUBE)
        counts.forget_cube(tenant, CUBE)
        assert counts.find(tenant, [*here(TEA, BOAT), *here(TEA, cube=OTHER)]).keys() == {(OTHER, TEA)}

    def test_another_tenant_sees_nothing_and_forgets_nothing(self, counts: UseCounts, tenant: TenantId) -> None:
        counts.add(tenant, here(TEA), LEVEL)
        stranger = TenantId(f"{tenant}-2")
        assert counts.find(stranger, here(TEA)) == {}
        counts.forget(stranger, CUBE, [TEA])
        counts.forget_cube(stranger, CUBE)
        assert counts.find(tenant, here(TEA)) == {(CUBE, TEA): LEVEL}


@pytest.mark.servers
class TestInRedis:
    def test_counts_are_of_all_processes_and_expire_after_their_last_use(self, redis: Redis, tenant: TenantId) -> None:
        RedisUseCounts(redis, most=2).add(tenant, here(TEA), LEVEL)
        key = keys.uses_key(tenant, CUBE)
        redis.expire(key, 60)
        assert RedisUseCounts(redis, most=2).find(tenant, here(TEA)) == {(CUBE, TEA): LEVEL}
        assert redis.ttl(key) <= 60
        RedisUseCounts(redis, most=2).add(tenant, here(BOAT), LEVEL)
        assert redis.ttl(key) > keys.USES_TTL_S - 60

    def test_a_forgotten_tenant_has_no_counts_and_others_keep_theirs(self, redis: Redis, tenant: TenantId) -> None:
        neighbour, counts = TenantId(f"{tenant}-2"), RedisUseCounts(redis, most=2)
        for who in (tenant, neighbour):
            counts.add(who, [*here(TEA), *here(TEA, cube=OTHER)], LEVEL)
        assert MemScheduler(redis).forget_tenant(tenant) == 2
        assert counts.find(tenant, [*here(TEA), *here(TEA, cube=OTHER)]) == {}
        assert len(counts.find(neighbour, [*here(TEA), *here(TEA, cube=OTHER)])) == 2


def test_every_call_says_that_redis_is_away(tenant: TenantId) -> None:
    counts = RedisUseCounts.from_url("redis://127.0.0.1:1/0", most=2)
    calls: list[Callable[[], object]] = [
        lambda: counts.add(tenant, here(TEA), LEVEL),
        lambda: counts.find(tenant, here(TEA)),
        lambda: counts.forget(tenant, CUBE, [TEA]),
        lambda: counts.forget_cube(tenant, CUBE),
    ]
    for call in calls:
        with pytest.raises(Unavailable, match="redis"):
            call()
    counts.close()
