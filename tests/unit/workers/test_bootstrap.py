import pytest

from memos.errors import InvalidConfig
from memos.settings import Settings
from workers.bootstrap import ProcessResources, Resources


class Door:
    def __init__(self, name: str, closed: list[str]) -> None:
        self._name, self._closed = name, closed

    def close(self) -> None:
        self._closed.append(self._name)


def test_what_was_opened_is_closed_once_and_in_reverse() -> None:
    closed: list[str] = []
    resources = Resources(Settings())
    resources.keep_open(Door("first", closed))
    resources.keep_open(Door("second", closed))
    resources.close()
    resources.close()
    assert closed == ["second", "first"]


def test_nothing_is_built_before_the_first_task_and_then_once() -> None:
    built: list[Resources] = []

    def build() -> Resources:
        built.append(Resources(Settings()))
        return built[-1]

    process = ProcessResources(build)
    process.close()
    assert built == []
    assert process.get() is process.get() is built[0]
    process.close()
    assert process.get() is built[1]


def test_without_a_redis_it_says_what_to_do() -> None:
    with pytest.raises(InvalidConfig, match="memos up"):
        _ = Resources(Settings()).mailbox
