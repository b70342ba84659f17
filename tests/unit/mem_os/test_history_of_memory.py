"""What a memory replaced, and what replaced it, as an application asks for it."""

import pytest

from memos.errors import AccessDenied, NotFound
from memos.mem_os.main import MOS

pytestmark = pytest.mark.models


def tell(mos: MOS, ana: str, text: str, day: int) -> str:
    """The id of what is remembered of something said on a day of January."""
    message = {"role": "user", "content": text, "chat_time": f"2025-01-{day:02d}T12:00:00Z"}
    (memory,) = mos.add([message], user_id=ana).memory_ids
    return memory


def test_a_history_is_the_same_from_each_of_its_memories_and_oldest_first(mos: MOS, ana: str) -> None:
    rome = tell(mos, ana, "I live in Rome.", 1)
    milan = tell(mos, ana, "I live in Milan.", 20)
    turin = tell(mos, ana, "I moved to Turin.", 10)  # told late
    tell(mos, ana, "I like tea with milk.", 30)
    for memory in (rome, turin, milan):
        found = mos.history(memory, user_id=ana)
        assert [item.id for item in found] == [rome, turin, milan]
    first, second, last = mos.history(rome, ana, ana)
    assert (first.metadata.invalid_at, last.metadata.invalid_at) == (second.metadata.said_at, None)
    assert first.sources[0].content == "I live in Rome."


def test_who_may_read_a_cube_may_read_its_histories(mos: MOS, ana: str) -> None:
    rome = tell(mos, ana, "I live in Rome.", 1)
    ben = mos.create_user(f"{ana}-ben")
    with pytest.raises(AccessDenied):
        mos.history(rome, ana, ben)
    mos.share_cube_with_user(ana, ben, user_id=ana)
    assert [item.id for item in mos.history(rome, ana, ben)] == [rome]


def test_an_unknown_memory_has_no_history(mos: MOS, ana: str) -> None:
    with pytest.raises(NotFound, match="no-such-memory"):
        mos.history("no-such-memory", user_id=ana)
