"""Data plane and broker over TLS: the server's certificate is checked, and a refusal says what to do.

The Valkey of the tests is built without TLS, so a proxy ends it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.errors import Unavailable
from memos.ids import TenantId
from memos.settings import Settings, load_settings
from scheduler import MemScheduler
from scheduler.broker import Publisher, cpu_app, gpu_app, sibling_url
from scheduler.connection import ask_redis
from tests.support.job_path import PASSWORD, OwnValkey, Processes, free_port, lane, spec
from tests.support.path_proof import APP, PathProof
from tests.support.tls import Authority, TlsProxy, why_missing

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(why_missing() is not None, reason=str(why_missing())),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnValkey]:
    server = OwnValkey(tmp_path_factory.mktemp("tls_valkey"), free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def proxy(valkey: OwnValkey, authority: Authority) -> Iterator[TlsProxy]:
    made = TlsProxy(valkey.port, authority.sign("server", "IP:127.0.0.1"))
    yield made
    made.stop()


def url_of(proxy: TlsProxy, ca: Path | None, *, host: str = "127.0.0.1") -> str:
    return f"rediss://:{PASSWORD}@{host}:{proxy.port}/0" + (f"?ssl_ca_certs={ca}" if ca else "")


def refusal(url: str) -> str:
    scheduler = MemScheduler.from_url(url)
    with pytest.raises(Unavailable) as caught:
        scheduler.submit(spec(TenantId("t")))
    scheduler.close()
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_the_whole_path_runs_over_tls(proxy: TlsProxy, authority: Authority, tenant: TenantId, tmp_path: Path) -> None:
    url = url_of(proxy, authority.certificate)
    broker = sibling_url(Settings(redis_url=url), 1)
    processes = Processes(
        app_module=APP,
        settings=load_settings(data_dir=tmp_path, redis_url=url, broker_url=broker, gpu_broker_url=broker),
    )
    scheduler = MemScheduler.from_url(url)
    try:
        processes.start_dispatcher()
        processes.start_worker()
        proof = PathProof(processes=processes, scheduler=scheduler, tenant=tenant)
        proof.finish(proof.submit(range(40)))
        proof.assert_in_order_and_once(40)
        assert PASSWORD not in processes.log()
    finally:
        processes.stop_all()
        scheduler.close()


def test_a_certificate_of_an_unknown_authority_is_refused_with_advice(proxy: TlsProxy, tmp_path: Path) -> None:
    stranger = Authority.make(tmp_path / "stranger")
    assert "?ssl_ca_certs=/path/to/ca.pem" in refusal(url_of(proxy, stranger.certificate))


def test_without_an_authority_the_systems_are_asked(proxy: TlsProxy) -> None:
    assert "its certificate is not trusted" in refusal(url_of(proxy, None))


def test_a_certificate_for_another_host_is_refused(proxy: TlsProxy, authority: Authority) -> None:
    assert "its certificate is not trusted" in refusal(url_of(proxy, authority.certificate, host="localhost"))


def test_a_publisher_refuses_a_broker_with_an_unknown_certificate(proxy: TlsProxy, tmp_path: Path) -> None:
    stranger = Authority.make(tmp_path / "stranger")
    settings = Settings(broker_url=url_of(proxy, stranger.certificate))
    with pytest.raises(Unavailable, match="ssl_ca_certs") as caught:
        Publisher(cpu_app(settings), gpu_app(settings)).publish(lane(TenantId("t")))
    assert PASSWORD not in str(caught.value)


def test_the_doctor_looks_through_tls_as_well(proxy: TlsProxy, authority: Authority) -> None:
    assert ask_redis(url_of(proxy, authority.certificate))["aof_enabled"] == "1"
