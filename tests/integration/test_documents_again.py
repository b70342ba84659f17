"""A document that is added again when Redis has long forgotten the first time, on real servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.configs.mem_os import MOSConfig
from memos.ids import CubeId, JobId, SessionId, TenantId
from memos.mem_os.intake import Added
from memos.mem_os.main import DOCUMENTS_SESSION, MOS
from memos.settings import Settings
from memos.types import JobState, Lane
from scheduler import keys
from scheduler.broker import sibling_url
from scheduler.connection import connect
from tests.unit.mem_os.conftest import texts
from workers.bootstrap import Resources
from workers.drain import Drain
from workers.handlers.extract import handle

pytestmark = [pytest.mark.servers, pytest.mark.models]
DATABASE = 6
CUBE = "notes"
TEXT = "# Boats\n\nA dinghy has one sail.\n\n# Masts\n\nA ketch has two masts.\n"


@pytest.fixture
def own(settings: Settings, tenant: TenantId, tmp_path: Path) -> Settings:
    """The servers, with a Redis database where nobody else works, and one document below the root."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "boats.md").write_text(TEXT)
    places = {"data_dir": tmp_path / "data", "documents_root": tmp_path / "docs"}
    return settings.model_copy(update={"tenant": tenant, "redis_url": sibling_url(settings, DATABASE), **places})


@pytest.fixture
def mos(own: Settings) -> Iterator[MOS]:
    with MOS(MOSConfig(user_id="ana", enable_mem_scheduler=True), settings=own) as opened:
        opened.create_cube_for_user(CUBE, owner_id="ana")
        yield opened


@pytest.fixture
def resources(own: Settings) -> Iterator[Resources]:
    """What a worker has."""
    opened = Resources(own)
    yield opened
    opened.close()


def work(resources: Resources, tenant: TenantId) -> None:
    """All that waits in the lane of the documents."""
    lane = Lane(tenant=tenant, cube=CubeId(CUBE), session=SessionId(DOCUMENTS_SESSION))
    assert Drain(mailbox=resources.mailbox, handler=handle, resources=resources).run(lane).dead == 0


def forget_keys(resources: Resources, tenant: TenantId) -> None:
    """What 24 hours do."""
    redis = connect(resources.redis_url)
    found = list(redis.scan_iter(match=f"{keys.idempotency_key(tenant, '')}*"))
    assert found
    redis.delete(*found)
    redis.close()


def finished(mos: MOS, added: Added) -> Added:
    (done,) = mos.wait([added.job_id], timeout_s=0)
    assert done.state is JobState.SUCCEEDED
    return done


def test_a_document_is_remembered_once_though_its_key_was_forgotten(
    mos: MOS, resources: Resources, tenant: TenantId
) -> None:
    first = mos.add(doc_path="boats.md")
    work(resources, tenant)
    remembered = texts(mos.get_all())
    assert len(remembered) == 2

    forget_keys(resources, tenant)
    again = mos.add(doc_path="boats.md")
    assert again.job_id != first.job_id
    work(resources, tenant)
    named = finished(mos, first).memory_ids
    assert finished(mos, again).memory_ids == named
    assert texts(mos.get_all()) == remembered

    mos.mem_scheduler_off()
    assert mos.add(doc_path="boats.md").memory_ids == named
    assert texts(mos.get_all()) == remembered


def test_two_jobs_of_one_document_that_wait_together_both_name_its_memories(
    mos: MOS, resources: Resources, tenant: TenantId
) -> None:
    first = mos.add(doc_path="boats.md")
    forget_keys(resources, tenant)
    again = mos.add(doc_path="boats.md")
    work(resources, tenant)
    assert finished(mos, again).memory_ids == finished(mos, first).memory_ids != ()
    assert len(texts(mos.get_all())) == 2


def test_a_callers_own_key_that_was_forgotten_names_another_job_and_the_same_words_one_memory(
    mos: MOS, resources: Resources, tenant: TenantId
) -> None:
    added: list[JobId] = []
    for _ in range(2):
        added.append(mos.add(memory_content="I drink tea.", session_id=DOCUMENTS_SESSION, idempotency_key="k").job_id)
        work(resources, tenant)
        forget_keys(resources, tenant)
    assert len({*added}) == 2
    (node,) = mos.get_all()["text_mem"][0]["memories"]["nodes"]
    assert (node.memory, node.metadata.version) == ("I drink tea.", 2)
