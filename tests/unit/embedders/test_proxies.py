"""Which proxy is chosen."""

import pytest
from pydantic import SecretStr

from memos.embedders.proxies import choose_proxy


def test_one_proxy_is_for_every_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY", "http://p:1")
    assert choose_proxy(SecretStr("env:PROXY"), "https://a") == "http://p:1"
    assert choose_proxy(None, "https://a") is None


def test_of_several_the_servers_scheme_decides() -> None:
    proxies = {"http://": SecretStr("http://plain"), "https": SecretStr("http://tls")}
    assert choose_proxy(proxies, "http://a") == "http://plain"
    assert choose_proxy(proxies, "https://a") == "http://tls"
    assert choose_proxy({"all://": SecretStr("http://all")}, "https://a") == "http://all"
    assert choose_proxy({"http://": SecretStr("http://plain")}, "https://a") is None
