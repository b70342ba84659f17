"""Whose word on a cube's retention holds, and which rules a pruning goes by."""

import pytest

from memos.errors import InvalidRequest
from memos.organize.prune import PruneRules
from memos.organize.retention import Retention, check_deletion, choose, common_retention, rules_of
from memos.settings import Settings

COMMON = Retention(max_age_days=365, below_importance=0.1, keep=10_000)
NOTHING = PruneRules()
BY_AGE = PruneRules(max_age_days=1)
BY_SIZE = PruneRules(keep=2)


@pytest.mark.parametrize(
    ("own", "holds"),
    [
        (None, PruneRules(max_age_days=365, below_importance=0.1, keep=10_000)),
        (Retention(), PruneRules(max_age_days=365, below_importance=0.1, keep=10_000)),
        (Retention(max_age_days=30), PruneRules(max_age_days=30, below_importance=0.1, keep=10_000)),
        (Retention(max_age_days=3650), PruneRules(max_age_days=3650, below_importance=0.1, keep=10_000)),
        (Retention(below_importance=0.5, keep=1), PruneRules(max_age_days=365, below_importance=0.5, keep=1)),
        (Retention(max_age_days=0), PruneRules(below_importance=0.1, keep=10_000)),
        (Retention(max_age_days=0, below_importance=0, keep=0), NOTHING),
    ],
)
def test_limit_by_limit_the_cubes_word_goes_before_the_common_one(own: Retention | None, holds: PruneRules) -> None:
    assert choose(own, COMMON) == holds


def test_where_nothing_is_common_the_cubes_word_holds_alone() -> None:
    assert choose(Retention(keep=5), Retention()) == PruneRules(keep=5)
    assert choose(None, Retention()) == NOTHING


def test_the_settings_say_what_is_common() -> None:
    told = Settings(retention_days=7, archive_below=0.2, retention_memories=3)
    assert common_retention(told) == Retention(max_age_days=7, below_importance=0.2, keep=3)
    assert choose(None, common_retention(Settings())) == NOTHING


@pytest.mark.parametrize("held", [NOTHING, BY_SIZE])
def test_rules_that_are_asked_for_hold_alone(held: PruneRules) -> None:
    assert rules_of(BY_AGE, held) == BY_AGE


def test_without_any_the_retention_holds() -> None:
    assert rules_of(NOTHING, BY_SIZE) == BY_SIZE


def test_a_pruning_that_nothing_gives_a_rule_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"nothing says what to prune, and no retention holds.*; give an age"):
        rules_of(NOTHING, NOTHING)


def test_a_deletion_needs_a_rule_of_its_own() -> None:
    check_deletion(BY_AGE)
    with pytest.raises(InvalidRequest, match=r"nothing says what to prune, and .*deletes nothing; give an age"):
        check_deletion(NOTHING)
