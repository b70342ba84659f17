import pytest

from memos.errors import InvalidConfig
from memos.types import JobKind
from workers.handlers import HANDLERS, load_handler


def test_every_kind_of_job_has_a_handler() -> None:
    assert set(HANDLERS) == set(JobKind)
    assert all(callable(load_handler(kind)) for kind in JobKind)


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidConfig, match="known: organize"):
        load_handler(JobKind.EXTRACT, {JobKind.ORGANIZE: "x:y"})
