"""RabbitMQ as Celery's broker: a real node, killed, frozen and started again. The mailboxes stay in Redis."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection, Queue

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.local.checks import check_servers
from memos.settings import Settings, load_settings
from memos.types import JobKind
from scheduler import MemScheduler, broker, keys
from scheduler.broker import Publisher, ask_rabbitmq, cpu_app, gpu_app, sibling_url
from tests.support import job_path
from tests.support.job_path import PASSWORD, Processes, wait_until
from tests.support.path_proof import APP, PathProof
from tests.support.rabbitmq import USER, OwnRabbitMQ, why_missing
from tests.support.tls import Authority, TlsProxy

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.skipif(why_missing() is not None, reason=str(why_missing())),
]
DATABASE = 11


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRabbitMQ]:
    node = OwnRabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def processes(
    settings: Settings, rabbitmq: OwnRabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    redis_url = sibling_url(settings, DATABASE)
    started = Processes(
        app_module=APP,
        settings=load_settings(
            data_dir=tmp_path_factory.mktemp("rabbitmq_path"),
            redis_url=redis_url,
            broker_url=rabbitmq.url,
            gpu_broker_url=rabbitmq.url,
        ),
    )
    try:
        started.start_dispatcher()
        started.start_worker()
        yield started
    finally:
        started.stop_all()


@pytest.fixture
def proof(processes: Processes, tenant: TenantId) -> Iterator[PathProof]:
    scheduler = MemScheduler.from_url(str(processes.settings.redis_url))
    yield PathProof(processes=processes, scheduler=scheduler, tenant=tenant)
    scheduler.close()


@pytest.fixture
def publisher(rabbitmq: OwnRabbitMQ) -> Iterator[Publisher]:
    settings = Settings(broker_url=rabbitmq.url)
    made = Publisher(cpu_app(settings), gpu_app(settings))
    yield made
    made.close()


def test_jobs_take_effect_in_the_order_of_submission(proof: PathProof) -> None:
    proof.finish(proof.submit(range(100)))
    proof.assert_in_order_and_once(100)


def test_a_killed_worker_loses_nothing_and_repeats_no_effect(proof: PathProof) -> None:
    victim = proof.processes.start_worker()
    jobs = proof.submit(range(60), sleep_ms=20)
    proof.wait_for_effects(5)
    proof.processes.kill(victim)
    proof.finish(jobs)
    proof.assert_in_order_and_once(60)


def test_the_path_recovers_from_a_killed_rabbitmq(proof: PathProof, rabbitmq: OwnRabbitMQ) -> None:
    before = proof.submit(range(40), sleep_ms=20)
    proof.wait_for_effects(5)
    rabbitmq.kill()
    meanwhile = proof.submit(range(40, 60))
    rabbitmq.start()
    proof.finish([*before, *meanwhile], within_s=90)
    proof.assert_in_order_and_once(60)
    assert [child.poll() for child in proof.processes.running] == [None] * len(proof.processes.running)


def test_the_path_recovers_from_a_rabbitmq_that_was_a_black_hole(proof: PathProof, rabbitmq: OwnRabbitMQ) -> None:
    jobs = proof.submit(range(40), sleep_ms=20)
    proof.wait_for_effects(5)
    rabbitmq.freeze()
    time.sleep(6)
    rabbitmq.thaw()
    proof.finish([*jobs, *proof.submit(range(40, 50))], within_s=90)
    proof.assert_in_order_and_once(50)


def test_hints_for_the_gpu_travel_through_the_same_broker(proof: PathProof) -> None:
    kv = job_path.spec(proof.tenant, kind=JobKind.KV_BUILD, lane=job_path.lane(proof.tenant, "~kv"))
    worker = proof.processes.start_worker("gpu")
    proof.finish([proof.scheduler.submit(kv)])
    names = {name for reply in cpu_app(proof.settings).control.ping(timeout=5) for name in reply}
    assert len(names) == 2, "one application sees the workers of both"
    proof.processes.kill(worker)


def test_each_queue_is_a_quorum_queue(processes: Processes, rabbitmq: OwnRabbitMQ) -> None:
    for queue in keys.Queue:
        with Connection(rabbitmq.url) as connection, pytest.raises(Exception, match="x-queue-type"):
            Queue(broker.task_name(queue)).bind(connection.channel()).declare()


def test_a_frozen_rabbitmq_is_given_up_and_found_again(
    publisher: Publisher, rabbitmq: OwnRabbitMQ, tenant: TenantId
) -> None:
    queue = keys.Queue.KV_BUILD
    before = publisher.count_queued(queue)
    rabbitmq.freeze()
    try:
        for _ in range(2):  # through a connection that was there, and through a new one
            started = time.monotonic()
            with pytest.raises(Unavailable, match="broker is unavailable") as caught:
                publisher.publish(job_path.lane(tenant, "~kv"))
            assert time.monotonic() - started < 6, "a publisher must not wait for a silent broker"
            assert PASSWORD not in str(caught.value)
    finally:
        rabbitmq.thaw()
    publisher.publish(job_path.lane(tenant, "~kv"))
    wait_until(lambda: publisher.count_queued(queue) > before, "the hint is in its queue")


def test_over_tls_the_nodes_certificate_is_checked(rabbitmq: OwnRabbitMQ, tenant: TenantId, tmp_path: Path) -> None:
    trusted, stranger = Authority.make(tmp_path / "trusted"), Authority.make(tmp_path / "stranger")
    proxy = TlsProxy(rabbitmq.port, trusted.sign("rabbitmq", "IP:127.0.0.1"))
    url = f"amqps://{USER}:{PASSWORD}@127.0.0.1:{proxy.port}//?ssl_ca_certs="
    assert ask_rabbitmq(f"{url}{trusted.certificate}").startswith("RabbitMQ ")
    with pytest.raises(Unavailable, match="ssl_ca_certs") as caught:
        ask_rabbitmq(f"{url}{stranger.certificate}")
    assert PASSWORD not in str(caught.value)
    proxy.stop()


def test_the_doctor_greets_it(rabbitmq: OwnRabbitMQ) -> None:
    settings = Settings(broker_url=rabbitmq.url, neo4j_url="memory://", milvus_url="memory://")
    found = {check.name: check for check in check_servers(settings)}
    assert found["broker"].ok
    assert found["broker"].detail.startswith("RabbitMQ ")
    assert "gpu broker" not in found, "it is the same one"
