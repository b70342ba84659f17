"""Every key that the job path keeps in Redis, and how long it lives.

A tenant's keys carry one hash tag, ``{NN}``, the tenant's shard, so that each script touches one slot of a Redis
Cluster. ``<lane>`` is tenant, cube and session joined by ``\\x1f``, which no id can contain, and ``\\x1fbulk`` after a
bulk lane's. ``<queue>`` is extract, extract.bulk, organize or kv.

    memos:{NN}:job:<tenant>␟<job>       hash    the record, the payload, a stored answer; 7 days after its end
    memos:{NN}:box:<lane>               list    ids of the lane's unfinished jobs, head first; gone when empty
    memos:{NN}:lane:<lane>              hash    fence, till (the lease's end in ms, 0 = free), cost (tokens in the box),
                                                halted (the dead job that the lane waits for); a day after its last use
    memos:{NN}:coalesce:<lane>␟<key>    string  the waiting job that absorbs others of this key; until that one starts
    memos:{NN}:idem:<tenant>␟<key>      string  the first job submitted with this idempotency key; 24 hours
    memos:{NN}:jobs:<tenant>            zset    job -> microsecond of submission; 30 days after the last end of a job
    memos:{NN}:dead:<tenant>            zset    job -> ms of its death; until it is replayed, dropped or expired
    memos:{NN}:policy:<tenant>          hash    weight and limits that differ from the settings'; until changed
    memos:{NN}:usage:<tenant>           hash    queued jobs, the state of the rate limits, tokens a day; 32 days
    memos:{NN}:uses:<tenant>␟<cube>     zset    memory -> how much it was used (scheduler/uses.py); 90 days after a use
    memos:{NN}:ready:<queue>:<tenant>   zset    cube␟session -> its alarm in ms; gone when no lane has work
    memos:{NN}:tenants:<queue>          zset    tenant -> its next turn in ms; gone when no tenant has work
    memos:{NN}:flight:<queue>           zset    lane with a hint out or a lease -> when that slot expires in ms
    memos:{NN}:flying:<queue>           hash    tenant -> how many slots it has; !tenant: it waits for one
    memos:{NN}:cubes                    zset    tenant␟cube -> ms of its last extraction; until the tenant is forgotten
    memos:{NN}:overload                 hash    level, when it was set, noisy␟tenant, contend␟queue (until ms)
    memos:{NN}:stats                    hash    counters, see scheduler/stats.py; for ever
    memos:{NN}:signal                   list    at most one element: "look at this shard now"
    memos:leader                        hash    who dispatches, and since when; 6 s (scheduler/leader.py)
    memos:tick:<name>:<number>          string  this tick of the schedule has been run; two periods
    memos:swept                         string  ms up to which cubes have been swept (scheduler/upkeep.py); for ever
    memos:decay                         hash    day, shard and ms up to which decay was asked for (upkeep.py); for ever
    memos:workers                       zset    app|node -> ms of its last sign of life (workers/canary.py)
    memos:providers                     zset    providers of models -> ms of the last call (scheduler/throttle.py)
    memos:{provider-<name>}:…                   calls in flight and their limit (scheduler/throttle.py)

A lane is in ``ready`` exactly while its box holds jobs and it is not halted, and its **alarm** is the time at which
somebody must be woken for it, whatever the reason. That one number is the queue, the timer, and the record of hints:

    put into an empty box ──> now + delay          a hint was published ──> now + WAKE_MS (it may get lost)
    lease taken or beaten ──> the lease's end      retry ──> now + back-off      finish, work left ──> now

A tenant's turn is never later than the earliest alarm of its lanes, unless its cap lets none of them start; it may be
earlier, which costs one look. A **slot** expires with the hint or the lease that it stands for.
"""

from enum import StrEnum
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
USES_TTL_S: Final = 90 * 24 * 3600
# Jobs that a worker takes at once.
BATCH_JOBS: Final = 16
# Upper bounds of the histograms of waiting and running times; one more bucket has no bound.
BUCKETS_MS: Final = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000)

LEADER_KEY: Final = "memos:leader"
WORKERS_KEY: Final = "memos:workers"


class Queue(StrEnum):
    """What waits apart: a Celery queue and a task of the name ``memos.<queue>`` each."""

    EXTRACT = "extract"
    EXTRACT_BULK = "extract.bulk"
    ORGANIZE = "organize"
    KV_BUILD = "kv"


# Lanes of jobs that belong to a whole cube; every other session is a user's.
CUBE_SESSIONS: Final = {
    JobKind.ORGANIZE: SessionId("~organize"),
    JobKind.KV_BUILD: SessionId("~kv"),
}
_KINDS: Final = {session: kind for kind, session in CUBE_SESSIONS.items()}
_BULK: Final = "bulk"


def lane_kind(lane: Lane) -> JobKind:
    """The one kind of job that this lane carries."""
    return _KINDS.get(lane.session, JobKind.EXTRACT)


def queue_of(lane: Lane) -> Queue:
    """Where the lane's hints go."""
    return Queue.EXTRACT_BULK if lane.bulk else Queue(lane_kind(lane))


def kind_of(queue: Queue) -> JobKind:
    """What the jobs of a queue do."""
    return JobKind.EXTRACT if queue is Queue.EXTRACT_BULK else JobKind(queue)


def shard_of(tenant: TenantId) -> int:
    """The same on every machine and in every version: it says where the tenant's keys are."""
    return crc32(tenant.encode()) % SHARDS


def lane_keys(lane: Lane) -> tuple[str, ...]:
    """KEYS of every script that works on a lane, in the order that scheduler/lua/common.lua states."""
    tag = tag_of(shard_of(lane.tenant))
    tenant = lane.tenant
    name = f"{tenant}{KEY_SEPARATOR}{lane_member(lane)}"
    queue = queue_of(lane)
    return (
        f"{tag}:box:{name}",
        f"{tag}:lane:{name}",
        f"{tag}:ready:{queue}:{tenant}",
        f"{tag}:tenants:{queue}",
        f"{tag}:signal",
        f"{tag}:jobs:{tenant}",
        f"{tag}:job:{tenant}{KEY_SEPARATOR}",
        f"{tag}:coalesce:{name}{KEY_SEPARATOR}",
        f"{tag}:flight:{queue}",
        f"{tag}:flying:{queue}",
        f"{tag}:usage:{tenant}",
        f"{tag}:policy:{tenant}",
        f"{tag}:dead:{tenant}",
        f"{tag}:stats",
        f"{tag}:overload",
        f"{tag}:cubes",
    )


def lane_member(lane: Lane) -> str:
    """A lane's name among its tenant's."""
    name = f"{lane.cube}{KEY_SEPARATOR}{lane.session}"
    return f"{name}{KEY_SEPARATOR}{_BULK}" if lane.bulk else name


def lane_of(tenant: TenantId, member: str) -> Lane:
    """The inverse of ``lane_member``."""
    cube, session, *bulk = member.split(KEY_SEPARATOR)
    return Lane(tenant=tenant, cube=CubeId(cube), session=SessionId(session), bulk=bool(bulk))


def tenant_keys(tenant: TenantId) -> tuple[str, str]:
    """KEYS of scripts that read a tenant's records: jobs, and the prefix of a job's key."""
    tag = tag_of(shard_of(tenant))
    return f"{tag}:jobs:{tenant}", f"{tag}:job:{tenant}{KEY_SEPARATOR}"


def dead_keys(tenant: TenantId) -> tuple[str, str, str]:
    """KEYS of scripts that read a tenant's dead letters: dead, the prefix of a job's key, stats."""
    tag = tag_of(shard_of(tenant))
    return f"{tag}:dead:{tenant}", f"{tag}:job:{tenant}{KEY_SEPARATOR}", f"{tag}:stats"


def expiry_keys(tenant: TenantId) -> tuple[str, str, str]:
    """KEYS of the script that forgets what is too old: dead, usage, stats."""
    tag = tag_of(shard_of(tenant))
    return f"{tag}:dead:{tenant}", f"{tag}:usage:{tenant}", f"{tag}:stats"


def policy_key(tenant: TenantId) -> str:
    """Where a tenant's own weight and limits are."""
    return f"{tag_of(shard_of(tenant))}:policy:{tenant}"


def usage_key(tenant: TenantId) -> str:
    """Where it is counted what a tenant has waiting and has used."""
    return f"{tag_of(shard_of(tenant))}:usage:{tenant}"


def idempotency_key(tenant: TenantId, key: str) -> str:
    """Where the first job of an idempotency key is remembered."""
    return f"{tag_of(shard_of(tenant))}:idem:{storage_key(tenant, key)}"


def uses_key(tenant: TenantId, cube: CubeId) -> str:
    """Where it is counted how much the memories of a cube are used."""
    return f"{tag_of(shard_of(tenant))}:uses:{storage_key(tenant, cube)}"


def turn_keys(tenant: TenantId, queue: Queue) -> tuple[str, ...]:
    """KEYS of the script that claims lanes: ready, tenants, flight, flying, policy, stats, prefixes of lanes, boxes."""
    tag = tag_of(shard_of(tenant))
    return (
        f"{tag}:ready:{queue}:{tenant}",
        *queue_keys(shard_of(tenant), queue),
        f"{tag}:policy:{tenant}",
        f"{tag}:stats",
        f"{tag}:lane:{tenant}{KEY_SEPARATOR}",
        f"{tag}:box:{tenant}{KEY_SEPARATOR}",
    )


def queue_keys(shard: int, queue: Queue) -> tuple[str, str, str]:
    """A queue's tenants, flight and flying in one shard."""
    tag = tag_of(shard)
    return f"{tag}:tenants:{queue}", f"{tag}:flight:{queue}", f"{tag}:flying:{queue}"


def look_keys(shard: int) -> tuple[str, ...]:
    """KEYS of the script that looks at a shard: the prefix of policies, then tenants, flight and flying by queue."""
    return f"{tag_of(shard)}:policy:", *(key for queue in Queue for key in queue_keys(shard, queue))


def reap_keys(shard: int, queue: Queue) -> tuple[str, ...]:
    """KEYS of the reaper's and of the snapshot's script: tenants, flight, flying, stats, prefixes of ready and lane."""
    tag = tag_of(shard)
    return *queue_keys(shard, queue), f"{tag}:stats", f"{tag}:ready:{queue}:", f"{tag}:lane:", f"{tag}:signal"


def stats_key(shard: int) -> str:
    """The shard's counters."""
    return f"{tag_of(shard)}:stats"


def overload_key(shard: int) -> str:
    """What the shard knows of the overload ladder."""
    return f"{tag_of(shard)}:overload"


def cubes_key(shard: int) -> str:
    """The shard's cubes, by their last extraction."""
    return f"{tag_of(shard)}:cubes"


def signal_keys() -> list[str]:
    """The signal list of every shard."""
    return [f"{tag_of(shard)}:signal" for shard in range(SHARDS)]


def tick_key(name: str, number: int) -> str:
    """Remembers that this tick of the schedule has been run."""
    return f"memos:tick:{name}:{number}"


def tag_of(shard: int) -> str:
    """What all keys of a shard begin with."""
    return f"memos:{{{shard:02d}}}"
