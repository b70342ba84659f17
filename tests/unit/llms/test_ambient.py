"""What the SDK's own variables would send along is kept from hosts that are not OpenAI's."""

from collections.abc import Generator

import openai
import pytest
from pydantic import SecretStr

from memos.llms.ambient import withhold
from memos.llms.openai_client import OPENAI_URL, Endpoint, build_client
from tests.support.openai_server import OpenAIServer, serving


@pytest.fixture
def server() -> Generator[OpenAIServer]:
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _ambient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Door: secret\nx-own: secret\nauthorization: Bearer secret\nnonsense")


def build(url: str, **headers: str) -> openai.OpenAI:
    endpoint = Endpoint(dependency="llm", url=url, timeout_s=5)
    secrets = {name: SecretStr(value) for name, value in headers.items()}
    return build_client(endpoint, api_key=SecretStr("own"), max_retries=0, headers=secrets)


def ask(client: openai.OpenAI) -> None:
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])


def test_a_stranger_gets_what_was_configured_and_nothing_else(server: OpenAIServer) -> None:
    ask(build(server.url, **{"X-Own": "1"}))
    (sent,) = server.headers
    assert "secret" not in str(sent)
    assert (sent["authorization"], sent["x-own"], sent["content-type"]) == ("Bearer own", "1", "application/json")


def test_a_copy_of_the_client_keeps_the_silence(server: OpenAIServer) -> None:
    ask(build(server.url).with_options(max_retries=1))
    assert "secret" not in str(server.headers)


def test_openai_itself_gets_what_its_variables_say() -> None:
    assert build(OPENAI_URL).organization == "org-secret"
    assert build(OPENAI_URL).default_headers["X-Door"] == "secret"


def test_a_header_of_ones_own_goes_before_the_credential() -> None:
    assert withhold({"Authorization": "Bearer k"}, {"authorization": "Basic x"})["authorization"] == "Basic x"
    assert "Authorization" not in withhold({"Authorization": "Bearer k"}, {"authorization": "Basic x"})
