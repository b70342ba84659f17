"""``memos dlq`` and ``memos tenants`` on a real Valkey, as an operator uses them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos.ids import JobId, TenantId
from memos.settings import Settings
from memos.types import JobState
from scheduler import MemScheduler
from scheduler.broker import sibling_url
from scheduler.connection import connect
from scheduler.lease import Failure, JobOutcome
from scheduler.mailbox import Mailbox
from tests.support.command import Finished, assert_mistake, run_memos
from tests.support.job_path import lane, must_take, spec

pytestmark = pytest.mark.servers
DATABASE = 6

Memos = Callable[..., Finished]


@pytest.fixture
def redis_url(settings: Settings) -> str:
    return sibling_url(settings, DATABASE)


@pytest.fixture
def memos(redis_url: str, tmp_path: Path) -> Memos:
    """The command, on this Redis and away from any data directory."""
    return lambda *arguments, **options: run_memos(*arguments, cwd=tmp_path, MEMOS_REDIS_URL=redis_url, **options)


@pytest.fixture
def scheduler(redis_url: str) -> Iterator[MemScheduler]:
    made = MemScheduler.from_url(redis_url)
    yield made
    made.close()


@pytest.fixture
def letters(scheduler: MemScheduler, redis_url: str, tenant: TenantId) -> list[JobId]:
    """Three jobs of the tenant that have died, oldest first."""
    mailbox, dead = Mailbox(connect(redis_url)), Failure(error_class="Corrupt", message="a [bold]bad[/bold] byte")
    jobs = [scheduler.submit(spec(tenant, n=n)) for n in range(3)]
    lease = must_take(mailbox, lane(tenant))
    mailbox.commit(lease, [JobOutcome(job=job.id, failure=dead) for job in lease.jobs])
    return jobs


def states(scheduler: MemScheduler, tenant: TenantId, jobs: list[JobId]) -> list[JobState]:
    return [record.state for record in scheduler.wait(tenant, jobs, timeout_s=0)]


def test_dead_letters_are_listed_newest_first_with_the_reason(
    memos: Memos, tenant: TenantId, letters: list[JobId]
) -> None:
    listed = memos("dlq", "list", "--tenant", tenant, "--json")
    assert [row["id"] for row in listed.json] == letters[::-1]
    assert [row["id"] for row in memos("dlq", "list", "--tenant", tenant, "--limit", "1", "--json").json] == letters[2:]
    assert "[bold]bad[/bold]" in memos("dlq", "list", "--tenant", tenant).out


def test_a_letter_is_shown_with_its_history(memos: Memos, tenant: TenantId, letters: list[JobId]) -> None:
    shown = memos("dlq", "show", letters[0], "--tenant", tenant, "--json").json
    assert (shown["state"], shown["error_class"], len(shown["history"])) == ("dead", "Corrupt", 1)


def test_a_dry_run_names_the_letters_and_does_nothing(
    memos: Memos, scheduler: MemScheduler, tenant: TenantId, letters: list[JobId]
) -> None:
    for command in ("replay", "drop"):
        told = memos("dlq", command, "--all", "--dry-run", "--tenant", tenant, "--json")
        assert {row["id"] for row in told.json} == set(letters)
        assert {row["outcome"] for row in told.json} == {
            f"would be {command}ed" if command == "replay" else "would be dropped"
        }
    assert states(scheduler, tenant, letters) == [JobState.DEAD] * 3
    assert len(memos("dlq", "list", "--tenant", tenant, "--json").json) == 3


def test_replayed_letters_wait_again_in_their_order(
    memos: Memos, scheduler: MemScheduler, redis_url: str, tenant: TenantId, letters: list[JobId]
) -> None:
    told = memos("dlq", "replay", "--all", "--rate", "1000", "--tenant", tenant)
    assert (told.code, "3 replayed" in told.out) == (0, True)
    assert states(scheduler, tenant, letters) == [JobState.QUEUED] * 3
    assert [job.id for job in must_take(Mailbox(connect(redis_url)), lane(tenant)).jobs] == letters


def test_a_named_letter_is_dropped_and_cannot_be_replayed(memos: Memos, tenant: TenantId, letters: list[JobId]) -> None:
    assert memos("dlq", "drop", letters[0], "--tenant", tenant).code == 0
    assert [row["id"] for row in memos("dlq", "list", "--tenant", tenant, "--json").json] == letters[:0:-1]
    again = memos("dlq", "replay", letters[0], "--tenant", tenant)
    assert (again.code, "its words are gone" in again.out) == (1, True)


def test_letters_are_chosen_by_error(memos: Memos, tenant: TenantId, letters: list[JobId]) -> None:
    chosen = memos("dlq", "replay", "--error", "Corrupt", "--dry-run", "--tenant", tenant, "--json").json
    assert len(chosen) == 3
    assert memos("dlq", "replay", "--error", "Other", "--dry-run", "--tenant", tenant, "--json").json == []


def test_another_tenant_sees_no_letter(memos: Memos, tenant: TenantId, letters: list[JobId]) -> None:
    stranger = f"{tenant}x"
    assert memos("dlq", "list", "--tenant", stranger, "--json").json == []
    assert_mistake(memos("dlq", "show", letters[0], "--tenant", stranger), "no job", letters[0])
    assert_mistake(memos("dlq", "replay", letters[0], "--tenant", stranger), "no job")
    assert_mistake(memos("dlq", "drop", letters[0], "--tenant", stranger), "no job")
    assert len(memos("dlq", "list", "--tenant", tenant, "--json").json) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay"], ["--all, --cube or --error"]),
        (["drop"], ["--all, --cube or --error"]),
        (["replay", "0", "--all"], ["not both"]),
        (["show", "0"], ["no job"]),
        (["replay", "--all", "--rate", "0"], ["rate", "not 0"]),
    ],
)
def test_a_mistake_about_letters_is_one_line(
    memos: Memos, tenant: TenantId, letters: list[JobId], arguments: list[str], words: list[str]
) -> None:
    assert_mistake(memos("dlq", *arguments, "--tenant", tenant), *words)


def test_a_tenants_limits_are_set_shown_and_reset(memos: Memos, tenant: TenantId) -> None:
    before = memos("tenants", "show", tenant, "--json").json["policy"]
    changed = memos("tenants", "set", tenant, "--weight", "2.5", "--max-queued", "7", "--json").json["policy"]
    assert changed == {**before, "weight": 2.5, "max_queued": 7}
    assert memos("tenants", "show", tenant, "--json").json["policy"] == changed
    assert memos("tenants", "reset", tenant, "--json").json["policy"] == before


def test_usage_is_shown(memos: Memos, scheduler: MemScheduler, tenant: TenantId, letters: list[JobId]) -> None:
    scheduler.submit(spec(tenant))
    usage = memos("tenants", "show", tenant, "--json").json["usage"]
    assert (usage["queued"], usage["dead"]) == (1, 3)
    assert sum(usage["tokens_by_day"].values()) > 0


def test_a_tenant_is_forgotten_only_when_that_is_confirmed(
    memos: Memos, scheduler: MemScheduler, tenant: TenantId, letters: list[JobId]
) -> None:
    assert memos("tenants", "forget", tenant, stdin=b"n\n").code == 1
    assert len(scheduler.list_jobs(tenant)) == 3
    assert memos("tenants", "forget", tenant, "--yes", "--json").json["removed_keys"] > 0
    assert scheduler.list_jobs(tenant) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weight", "0"], ["weight", "above 0"]),
        (["--max-lane", "0"], ["max_lane", "at least 1"]),
        (["--adds-per-s", "-1"], ["adds_per_s"]),
        (["--on-dead", "stop"], ["on_dead", "continue or halt"]),
    ],
)
def test_a_limit_that_makes_no_sense_is_one_line(
    memos: Memos, tenant: TenantId, options: list[str], words: list[str]
) -> None:
    assert_mistake(memos("tenants", "set", tenant, *options), *words)
