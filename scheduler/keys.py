"""Every key that the job path keeps in Redis, and how long it lives.

A tenant's keys carry one hash tag, ``{NN}``, the tenant's shard, so that each script touches one slot of a Redis
Cluster. ``<lane>`` is tenant, cube and session joined by ``\\x1f``, which no id can contain.

    memos:{NN}:job:<tenant>␟<job>       hash    the record, the payload, a stored answer; 7 days after its end
    memos:{NN}:box:<lane>               list    ids of the lane's unfinished jobs, head first; gone when empty
    memos:{NN}:lane:<lane>              hash    fence, till (the lease's end in ms, 0 = free); a day after its last use
    memos:{NN}:coalesce:<lane>␟<key>    string  the waiting job that absorbs others of this key; until that one starts
    memos:{NN}:idem:<tenant>␟<key>      string  the first job submitted with this idempotency key; 24 hours
    memos:{NN}:jobs:<tenant>            zset    job -> microsecond of submission; 30 days after the last end of a job
    memos:{NN}:ready:<kind>:<tenant>    zset    cube␟session -> its alarm in ms; gone when no lane has work
    memos:{NN}:tenants:<kind>           zset    tenant -> its next turn in ms; gone when no tenant has work
    memos:{NN}:signal                   list    at most one element: "look at this shard now"

A lane is in ``ready`` exactly while its box holds jobs, and its **alarm** is the time at which somebody must be
woken for it, whatever the reason. That one number is the queue, the timer, the reaper and the record of hints:

    put into an empty box ──> now + delay          a hint was published ──> now + WAKE_MS (it may get lost)
    lease taken or beaten ──> the lease's end      retry ──> now + back-off      finish, work left ──> now

A tenant's turn is never later than the earliest alarm of its lanes; it may be earlier, which costs one look.
"""

from typing import Final
from zlib import crc32

from memos.ids import KEY_SEPARATOR, CubeId, SessionId, TenantId, storage_key
from memos.types import JobKind, Lane

SHARDS: Final = 16
WAKE_MS: Final = 10_000
RECORD_TTL_S: Final = 7 * 24 * 3600
INDEX_TTL_S: Final = 30 * 24 * 3600
LANE_TTL_S: Final = 24 * 3600
IDEMPOTENCY_TTL_S: Final = 24 * 3600

# Lanes of jobs that belong to a whole cube; every other session is a user's.
CUBE_SESSIONS: Final = {
    JobKind.ORGANIZE: SessionId("~organize"),
    JobKind.KV_BUILD: SessionId("~kv"),
}
_KINDS: Final = {session: kind for kind, session in CUBE_SESSIONS.items()}


def lane_kind(lane: Lane) -> JobKind:
    """The one kind of job that this lane carries."""
    return _KINDS.get(lane.session, JobKind.EXTRACT)


def shard_of(tenant: TenantId) -> int:
    """The same on every machine and in every version: it says where the tenant's keys are."""
    return crc32(tenant.encode()) % SHARDS


def lane_keys(lane: Lane) -> tuple[str, ...]:
    """KEYS of every script that works on a lane: box, lane, ready, tenants, signal, jobs, and two prefixes."""
    tag = _tag(shard_of(lane.tenant))
    name = storage_key(lane.tenant, lane.cube, lane.session)
    kind = lane_kind(lane)
    return (
        f"{tag}:box:{name}",
        f"{tag}:lane:{name}",
        f"{tag}:ready:{kind}:{lane.tenant}",
        f"{tag}:tenants:{kind}",
        f"{tag}:signal",
        f"{tag}:jobs:{lane.tenant}",
        f"{tag}:job:{lane.tenant}{KEY_SEPARATOR}",
        f"{tag}:coalesce:{name}{KEY_SEPARATOR}",
    )


def lane_member(lane: Lane) -> str:
    """A lane's name among its tenant's."""
    return storage_key_of(lane.cube, lane.session)


def lane_of(tenant: TenantId, member: str) -> Lane:
    """The inverse of ``lane_member``."""
    cube, _, session = member.partition(KEY_SEPARATOR)
    return Lane(tenant=tenant, cube=CubeId(cube), session=SessionId(session))


def storage_key_of(cube: str, session: str) -> str:
    """Cube and session joined without ambiguity."""
    return f"{cube}{KEY_SEPARATOR}{session}"


def tenant_keys(tenant: TenantId) -> tuple[str, str]:
    """KEYS of scripts that read a tenant's records: jobs, and the prefix of a job's key."""
    tag = _tag(shard_of(tenant))
    return f"{tag}:jobs:{tenant}", f"{tag}:job:{tenant}{KEY_SEPARATOR}"


def idempotency_key(tenant: TenantId, key: str) -> str:
    """Where the first job of an idempotency key is remembered."""
    return f"{_tag(shard_of(tenant))}:idem:{storage_key(tenant, key)}"


def turn_keys(tenant: TenantId, kind: JobKind) -> tuple[str, str]:
    """KEYS of the script that claims lanes: ready and tenants."""
    tag = _tag(shard_of(tenant))
    return f"{tag}:ready:{kind}:{tenant}", f"{tag}:tenants:{kind}"


def tenants_keys(shard: int) -> tuple[str, ...]:
    """The shard's ``tenants`` sets, one for each kind in the order of JobKind."""
    return tuple(f"{_tag(shard)}:tenants:{kind}" for kind in JobKind)


def signal_keys() -> list[str]:
    """The signal list of every shard."""
    return [f"{_tag(shard)}:signal" for shard in range(SHARDS)]


def _tag(shard: int) -> str:
    return f"memos:{{{shard:02d}}}"
