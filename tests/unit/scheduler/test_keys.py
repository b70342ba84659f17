from hypothesis import given
from hypothesis import strategies as st

from memos.ids import CubeId, SessionId, TenantId
from memos.types import JobKind, Lane
from scheduler import keys

names = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=20)
lanes = st.builds(
    lambda tenant, cube, session: Lane(tenant=TenantId(tenant), cube=CubeId(cube), session=SessionId(session)),
    names,
    names,
    names,
)


@given(lane=lanes)
def test_all_keys_of_a_tenant_share_one_hash_tag(lane: Lane) -> None:
    tag = f"memos:{{{keys.shard_of(lane.tenant):02d}}}:"
    several = [*keys.lane_keys(lane), *keys.tenant_keys(lane.tenant), keys.idempotency_key(lane.tenant, "k")]
    several += [*keys.turn_keys(lane.tenant, keys.lane_kind(lane)), keys.uses_key(lane.tenant, lane.cube)]
    assert all(key.startswith(tag) for key in several)


@given(one=lanes, other=lanes)
def test_different_lanes_never_share_a_box(one: Lane, other: Lane) -> None:
    assert (keys.lane_keys(one)[0] == keys.lane_keys(other)[0]) == (one == other)


@given(lane=lanes)
def test_a_lanes_name_can_be_read_back(lane: Lane) -> None:
    assert keys.lane_of(lane.tenant, keys.lane_member(lane)) == lane


def test_a_shard_is_the_same_for_ever() -> None:
    assert [keys.shard_of(TenantId(tenant)) for tenant in ("default", "acme", "ü")] == [15, 14, 5]


def test_the_session_tells_the_kind() -> None:
    kinds = {
        session: keys.lane_kind(Lane(tenant=TenantId("t"), cube=CubeId("c"), session=SessionId(session)))
        for session in ("s", "~kv", "~organize")
    }
    assert kinds == {"s": JobKind.EXTRACT, "~kv": JobKind.KV_BUILD, "~organize": JobKind.ORGANIZE}
