"""Which cube a call works on when it names none, and who may name which."""

from collections.abc import Callable

import pytest

from memos.errors import AccessDenied, InvalidRequest, NotFound
from memos.mem_os.main import MOS
from memos.mem_user.records import Role
from tests.support.openai_server import OpenAIServer, stream
from tests.unit.mem_os.conftest import texts

pytestmark = pytest.mark.models

CALLS: dict[str, Callable[[MOS, str, str], object]] = {
    "add": lambda mos, user, cube: mos.add(memory_content="x", user_id=user, mem_cube_id=cube),
    "search": lambda mos, user, cube: mos.search("x", user_id=user, mem_cube_ids=[cube]),
    "chat": lambda mos, user, cube: mos.chat("x", user, mem_cube_id=cube),
    "chat_stream": lambda mos, user, cube: mos.chat_stream("x", user, mem_cube_id=cube),
    "get": lambda mos, user, cube: mos.get(cube, "m", user_id=user),
    "history": lambda mos, user, cube: mos.history("m", cube, user_id=user),
    "get_all": lambda mos, user, cube: mos.get_all(cube, user_id=user),
    "update": lambda mos, user, cube: mos.update(cube, "m", "x", user_id=user),
    "clear_messages": lambda mos, user, cube: mos.clear_messages(user, mem_cube_id=cube),
    "delete": lambda mos, user, cube: mos.delete(cube, "m", user_id=user),
    "archive": lambda mos, user, cube: mos.archive("m", mem_cube_id=cube, user_id=user),
    "restore": lambda mos, user, cube: mos.restore("m", mem_cube_id=cube, user_id=user),
    "pin": lambda mos, user, cube: mos.pin("m", mem_cube_id=cube, user_id=user),
    "expire": lambda mos, user, cube: mos.expire("m", mem_cube_id=cube, user_id=user),
    "feedback": lambda mos, user, cube: mos.feedback("m", "useful", mem_cube_id=cube, user_id=user),
    "prune": lambda mos, user, cube: mos.prune(keep=1, mem_cube_id=cube, user_id=user),
    "set_retention": lambda mos, user, cube: mos.set_retention(cube, keep=1, user_id=user),
    "get_retention": lambda mos, user, cube: mos.get_retention(cube, user_id=user),
    "set_reading": lambda mos, user, cube: mos.set_reading(cube, instructions="x", user_id=user),
    "get_reading": lambda mos, user, cube: mos.get_reading(cube, user_id=user),
    "reorganize": lambda mos, user, cube: mos.reorganize(cube, user_id=user),
    "delete_all": lambda mos, user, cube: mos.delete_all(cube, user_id=user),
    "dump": lambda mos, user, cube: mos.dump("/dev/null/never-written", user_id=user, mem_cube_id=cube),
    "load": lambda mos, user, cube: mos.load("/dev/null/never-read", user_id=user, mem_cube_id=cube),
    "register": lambda mos, user, cube: mos.register_mem_cube(cube, user_id=user),
    "unregister": lambda mos, user, cube: mos.unregister_mem_cube(cube, user_id=user),
    "share": lambda mos, user, cube: mos.share_cube_with_user(cube, user, user_id=user),
}


@pytest.fixture(params=[Role.ROOT, Role.ADMIN])
def overseer(request: pytest.FixtureRequest, mos: MOS, ana: str) -> str:
    """Somebody who may open ``ana``'s cube, as any other of the tenant."""
    return mos.create_user(f"{request.param}-of-{ana}", role=request.param)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_unknown_cube_and_somebody_elses_are_denied_in_the_same_words(
    mos: MOS, ana: str, call: Callable[[MOS, str, str], object]
) -> None:
    ben = mos.create_user(f"{ana}-ben")
    said: list[str] = []
    for cube in (ana, "no-such-cube"):
        with pytest.raises(AccessDenied) as denied:
            call(mos, ben, cube)
        said.append(str(denied.value).replace(f"cube {cube!r}", "it"))
    assert said[0] == said[1]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_user_who_does_not_exist_may_open_nothing(
    mos: MOS, ana: str, call: Callable[[MOS, str, str], object]
) -> None:
    with pytest.raises(NotFound, match="no user 'nobody'"):
        call(mos, "nobody", ana)


def test_root_and_admin_are_told_that_a_cube_does_not_exist(mos: MOS, overseer: str) -> None:
    with pytest.raises(NotFound, match="no-such-cube"):
        mos.search("x", user_id=overseer, mem_cube_ids=["no-such-cube"])


def test_somebody_elses_cube_is_never_the_default_of_who_may_open_it(
    mos: MOS, ana: str, overseer: str, talker: OpenAIServer
) -> None:
    talker.replies = [stream("Noted.")]
    mos.add(memory_content="I drink green tea.", user_id=ana)
    for call in (
        lambda: mos.add(memory_content="I rule here.", user_id=overseer),
        lambda: mos.chat("I rule here.", overseer),
        lambda: mos.search("tea", user_id=overseer),
        lambda: mos.get_all(user_id=overseer),
    ):
        with pytest.raises(NotFound, match="create_cube_for_user"):
            call()
    own = mos.create_cube_for_user(overseer, owner_id=overseer)
    mos.add(memory_content="I rule here.", user_id=overseer)
    mos.chat("I am strict.", overseer)
    assert sorted(texts(mos.get_all(own, user_id=overseer))) == ["I am strict.", "I rule here."]
    assert texts(mos.get_all(user_id=ana)) == ["I drink green tea."]
    assert "I drink green tea." not in texts(mos.search("tea", user_id=overseer, top_k=50))


def test_who_may_open_every_cube_may_name_it(mos: MOS, ana: str, overseer: str) -> None:
    mos.add(memory_content="I drink green tea.", user_id=ana)
    assert texts(mos.search("tea", user_id=overseer, mem_cube_ids=[ana])) == ["I drink green tea."]
    mos.add(memory_content="I work as a translator.", user_id=overseer, mem_cube_id=ana)
    assert len(texts(mos.get_all(user_id=ana))) == 2


def test_a_shared_cube_is_searched_and_comes_after_the_own_one(mos: MOS, ana: str) -> None:
    ben = mos.create_user(f"{ana}-ben")
    mos.add(memory_content="I drink green tea.", user_id=ana)
    mos.share_cube_with_user(ana, ben, user_id=ana)
    assert mos.list_cubes(user_id=ben) == [ana]
    mos.add(memory_content="I like boats.", user_id=ben)
    own = mos.create_cube_for_user(ben, owner_id=ben)
    mos.add(memory_content="I drink coffee.", user_id=ben)
    assert mos.list_cubes(user_id=ben) == [own, ana]
    assert texts(mos.get_all(own, user_id=ben)) == ["I drink coffee."]
    assert len(texts(mos.search("drink", user_id=ben))) == 3


def test_a_guest_may_ask_a_shared_cube_what_leaves_no_trace(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    guest = mos.create_user(f"{ana}-guest", role=Role.GUEST)
    mos.add(memory_content="I drink green tea.", user_id=ana)
    mos.share_cube_with_user(ana, guest, user_id=ana)
    talker.replies = [stream("Green tea.")]
    assert "".join(mos.chat_stream("What do I drink?", guest, mem_cube_id=ana, remember=False)) == "Green tea."
    assert texts(mos.get_all(ana, user_id=ana)) == ["I drink green tea."]


def test_a_guest_reads_what_is_shared_and_writes_nothing(mos: MOS, ana: str) -> None:
    guest = mos.create_user(f"{ana}-guest", role=Role.GUEST)
    mos.add(memory_content="I drink green tea.", user_id=ana)
    mos.share_cube_with_user(ana, guest, user_id=ana)
    assert texts(mos.search("tea", user_id=guest)) == ["I drink green tea."]
    for call in (lambda: mos.add(memory_content="x", user_id=guest), lambda: mos.chat("x", guest)):
        with pytest.raises(AccessDenied, match="may read cube"):
            call()


def test_a_user_keeps_the_role_and_name_of_the_first_creation(mos: MOS, ana: str) -> None:
    assert mos.create_user(ana) == ana
    with pytest.raises(InvalidRequest, match="exists with role user"):
        mos.create_user(ana, role=Role.ADMIN)


def test_a_cube_may_have_a_name_beside_its_id(mos: MOS, ana: str) -> None:
    assert mos.create_cube_for_user("Ana's notes, 2025", owner_id=ana, cube_id=f"{ana}-notes") == f"{ana}-notes"
    assert f"{ana}-notes" in mos.list_cubes(user_id=ana)
    with pytest.raises(NotFound, match="nobody"):
        mos.create_cube_for_user("x", owner_id="nobody")
