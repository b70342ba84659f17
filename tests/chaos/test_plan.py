"""Which faults a run makes, and what its options may be."""

import subprocess
import sys

import pytest

from memos.errors import InvalidRequest
from workers.chaos.__main__ import build_plan, parse_options
from workers.chaos.nemeses import NEMESES, list_at_hand, make_nemesis
from workers.chaos.plan import LONG_FAULTS, SHORT, Plan, choose_faults


def plan(*arguments: str) -> Plan:
    return build_plan(parse_options(arguments))


def test_a_long_run_has_at_least_20_faults_and_every_nemesis_among_them() -> None:
    faults = plan("--seed", "1").faults
    assert len(faults) == LONG_FAULTS >= 20
    assert set(faults) == set(list_at_hand())


def test_the_same_seed_makes_the_same_faults() -> None:
    assert plan("--seed", "5").faults == plan("--seed", "5").faults
    assert plan("--seed", "5").faults != plan("--seed", "6").faults


def test_without_a_seed_each_run_has_its_own() -> None:
    assert plan().seed != plan().seed


def test_a_short_run_has_the_most_telling_faults_each_once() -> None:
    assert sorted(plan("--short").faults) == sorted(SHORT)


def test_named_faults_come_alone_and_as_often_as_asked() -> None:
    faults = plan("--nemesis", "kill_redis", "--nemesis", "kill_worker", "--faults", "5").faults
    assert len(faults) == 5
    assert set(faults) == {"kill_redis", "kill_worker"}


def test_named_faults_come_once_each_unless_a_number_is_given() -> None:
    assert plan("--nemesis", "kill_redis").faults == ("kill_redis",)


def test_each_fault_comes_as_often_as_the_others() -> None:
    faults = choose_faults(("a", "b", "c"), count=7, seed=1)
    assert sorted(faults.count(name) for name in "abc") == [2, 2, 3]


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match="kill_redis"):
        make_nemesis("kill_everything")


def test_every_fault_says_what_it_is() -> None:
    assert [name for name, kind in NEMESES.items() if not (kind.__doc__ or "").strip()] == []


def test_the_command_lists_the_faults() -> None:
    command = [sys.executable, "-m", "memos.cli.main", "chaos", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(NEMESES)


@pytest.mark.parametrize(
    "wrong", [["--broker", "pigeons"], ["--faults", "many"], ["--faults", "-1"], ["--rate", "0"], ["--defect", "x"]]
)
def test_wrong_options_are_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_options(wrong)
    assert caught.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_the_command_hands_on_that_an_option_is_wrong() -> None:
    command = [sys.executable, "-m", "memos.cli.main", "chaos", "--nemesis", "kill_everything"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert "kill_redis" in ran.stderr
