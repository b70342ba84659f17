import ssl

import pytest
from kombu import Connection

from memos.errors import InvalidConfig
from scheduler.broker_url import Broker, hide_login, parse_broker_url


def test_redis_is_told_as_it_is() -> None:
    address = parse_broker_url("redis://u:p%2Fw@h:1/2")
    assert (address.broker, address.url, address.tls) == (Broker.REDIS, "redis://u:p%2Fw@h:1/2", None)


def test_tls_checks_the_server_unless_the_url_says_otherwise() -> None:
    assert parse_broker_url("rediss://h/1").tls == {"ssl_cert_reqs": "required"}
    assert parse_broker_url("rediss://h/1?ssl_ca_certs=/ca.pem").tls == {
        "ssl_cert_reqs": "required",
        "ssl_ca_certs": "/ca.pem",
    }
    assert parse_broker_url("rediss://h/1?ssl_cert_reqs=none").tls == {"ssl_cert_reqs": "none"}


def test_options_of_the_data_plane_are_left_out() -> None:
    assert parse_broker_url("redis://h:1/1?replicas=1").url == "redis://h:1/1"


def test_sentinels_become_kombus_list_and_a_master_name() -> None:
    address = parse_broker_url("sentinel://:p%40@a:1,b:2/main/3?sentinel_password=other")
    assert address.url == "sentinel://:p%40@a:1/3;sentinel://:p%40@b:2/3"
    assert address.transport_options["master_name"] == "main"
    assert address.transport_options["sentinel_kwargs"]["password"] == "other"
    assert Connection(address.url).alt == address.url.split(";"), "kombu reads it as several Sentinels"


def test_a_socket_is_told_in_kombus_form() -> None:
    assert parse_broker_url("unix://:pw@/run/redis.sock?db=1").url == (
        "redis+socket://:pw@/run/redis.sock?virtual_host=1"
    )


def test_rabbitmq_with_tls_checks_the_server() -> None:
    address = parse_broker_url("amqps://u:pw@h:5671//?ssl_ca_certs=/ca.pem")
    assert (address.broker, address.url) == (Broker.RABBITMQ, "amqps://u:pw@h:5671//")
    assert address.tls == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None, "ca_certs": "/ca.pem"}


@pytest.mark.parametrize("url", ["redis+cluster://:secret@h", "sqs://:secret@h", "sentinel://:secret@h"])
def test_what_cannot_be_a_broker_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidConfig, match="broker_url") as caught:
        parse_broker_url(url)
    assert "secret" not in str(caught.value)


def test_no_login_of_a_list_is_shown() -> None:
    assert hide_login("sentinel://u:a@h1:1/0;sentinel://:b@h2:2/0") == "sentinel://h1:1/0;sentinel://h2:2/0"
