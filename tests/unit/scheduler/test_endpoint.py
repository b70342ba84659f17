import http.client
from collections.abc import Callable, Iterator

import pytest

from memos.errors import InvalidConfig
from scheduler.endpoint import Endpoint, Page, probe, serve

LOOPBACK = "127.0.0.1"


class Fault:
    def __init__(self) -> None:
        self.words: str | None = None

    def __call__(self) -> str | None:
        return self.words


def fail() -> Page:
    raise ZeroDivisionError("a private reason")


@pytest.fixture
def fault() -> Fault:
    return Fault()


@pytest.fixture
def endpoint(fault: Fault) -> Iterator[Endpoint]:
    routes: dict[str, Callable[[], Page]] = {"/livez": probe(fault), "/broken": fail}
    served = serve(0, LOOPBACK, routes)
    yield served
    served.close()


def get(endpoint: Endpoint, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOOPBACK, endpoint.port, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_probe_is_asked_anew_at_every_request(endpoint: Endpoint, fault: Fault) -> None:
    assert get(endpoint, "/livez") == (200, "ok\n")
    fault.words = "nothing moves"
    assert get(endpoint, "/livez?verbose=1") == (503, "nothing moves\n")
    fault.words = None
    assert get(endpoint, "/livez")[0] == 200


def test_an_unknown_path_is_told_the_known_ones(endpoint: Endpoint) -> None:
    assert get(endpoint, "/nothing") == (404, "there is no such page; there are: /broken /livez\n")


def test_a_page_that_fails_says_so_without_its_reason_and_the_others_go_on(endpoint: Endpoint) -> None:
    assert get(endpoint, "/broken") == (500, "it failed (ZeroDivisionError); see the log\n")
    assert get(endpoint, "/livez")[0] == 200


def test_a_head_request_gets_no_body(endpoint: Endpoint) -> None:
    assert get(endpoint, "/livez", "HEAD") == (200, "")


def test_a_port_that_is_taken_is_a_mistake_of_the_configuration(endpoint: Endpoint) -> None:
    with pytest.raises(InvalidConfig, match="MEMOS_METRICS_PORT"):
        serve(endpoint.port, LOOPBACK, {})


def test_a_closed_endpoint_frees_its_port() -> None:
    first = serve(0, LOOPBACK, {})
    first.close()
    second = serve(first.port, LOOPBACK, {})
    second.close()
