import pytest

from memos.errors import InvalidConfig
from scheduler.urls import Form, parse_redis_url, with_database


def test_one_server() -> None:
    url = parse_redis_url("rediss://u:p%40ss@h:6380/3?ssl_ca_certs=/ca.pem")
    assert (url.form, url.tls, url.nodes, url.database) == (Form.ONE, True, (("h", 6380),), 3)
    assert (url.user, url.password, url.options) == ("u", "p@ss", {"ssl_ca_certs": "/ca.pem"})


def test_a_socket() -> None:
    url = parse_redis_url("unix://:pw@/run/redis.sock?db=2")
    assert (url.path, url.password, url.database, url.nodes) == ("/run/redis.sock", "pw", 2, ())


@pytest.mark.parametrize("scheme", ["sentinel", "redis+sentinel", "rediss+sentinel"])
def test_sentinels_name_a_service(scheme: str) -> None:
    url = parse_redis_url(f"{scheme}://:pw@h1:1,h2,[::1]:3/main/4")
    assert (url.form, url.service, url.database) == (Form.SENTINEL, "main", 4)
    assert url.nodes == (("h1", 1), ("h2", 26379), ("::1", 3))
    assert url.tls is (scheme == "rediss+sentinel")


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_a_cluster_is_found_through_any_of_its_nodes(scheme: str) -> None:
    url = parse_redis_url(f"{scheme}://:pw@h1:7000,h2")
    assert (url.form, url.nodes, url.tls) == (
        Form.CLUSTER,
        (("h1", 7000), ("h2", 6379)),
        scheme == "rediss+cluster",
    )


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://:secret@h", "scheme 'http'"),
        ("h:6379", "scheme 'h'"),
        ("redis://:secret@/0", "names no host"),
        ("redis://:secret@h/main", "database's number"),
        ("redis://:secret@h/0/1", "database's number"),
        ("redis://:secret@h:port/0", "port"),
        ("redis://:secret@h/?db=x", "invalid literal"),
        ("sentinel://:secret@h1,h2", "names no service"),
        ("sentinel://:secret@h1;sentinel://:secret@h2/main/0", "separated by commas"),
        ("redis+cluster://:secret@h/1", "database 0 alone"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_password(url: str, word: str) -> None:
    with pytest.raises(InvalidConfig, match="redis_url cannot be used") as caught:
        parse_redis_url(url)
    assert word in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "sibling"),
    [
        ("redis://:p%40ss@h:1/0", "redis://:p%40ss@h:1/5"),
        ("redis://h", "redis://h/5"),
        ("redis://h?db=3", "redis://h/5"),
        ("rediss://h/0?ssl_ca_certs=%2Fca.pem", "rediss://h/5?ssl_ca_certs=%2Fca.pem"),
        ("sentinel://:pw@a,b/main/0?replicas=1", "sentinel://:pw@a,b/main/5?replicas=1"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=5"),
    ],
)
def test_a_sibling_differs_in_the_database_alone(url: str, sibling: str) -> None:
    assert with_database(url, 5) == sibling


def test_a_cluster_has_no_second_database_and_what_to_do_is_said() -> None:
    with pytest.raises(InvalidConfig, match="MEMOS_BROKER_URL"):
        with_database("redis+cluster://h", 1)


def test_a_password_is_not_in_a_urls_repr() -> None:
    assert "secret" not in repr(parse_redis_url("sentinel://:secret@h/main/0?sentinel_password=secret"))
