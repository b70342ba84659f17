"""The compose file as tests read it: merged, and with its variables filled in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[3]
OURS: Final = ("dispatcher", "cpu-worker", "gpu-worker", "flower")
WORKERS: Final = ("cpu-worker", "gpu-worker")
REDIS_SERVERS: Final = ("redis", "broker")

_VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<rest>[^}]*))?\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ComposeFile:
    """docker-compose.yml, parsed."""

    text: str
    content: dict[str, Any]
    given: dict[str, str]

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        return self.content["services"]

    @property
    def ours(self) -> dict[str, dict[str, Any]]:
        return {name: self.services[name] for name in OURS}

    @property
    def variables(self) -> set[str]:
        """Every variable that the file refers to, or hands on by name alone."""
        handed_on = {name for names in self._environments() for name, value in names.items() if value is None}
        return {found["name"] for found in _VARIABLE.finditer(self.text)} | handed_on

    @property
    def required(self) -> set[str]:
        return {found["name"] for found in _VARIABLE.finditer(self.text) if found["kind"] == "?"}

    def environment_of(self, service: str) -> dict[str, str]:
        """What the service's processes get when no optional variable is set."""
        environment: dict[str, Any] = self.services[service].get("environment", {})
        return {name: self.fill_in(value) for name, value in environment.items() if value is not None}

    def fill_in(self, value: str) -> str:
        return _VARIABLE.sub(self._value_of, value)

    def _value_of(self, found: re.Match[str]) -> str:
        default = found["rest"] if found["kind"] == "-" else ""
        return self.given.get(found["name"], default)

    def _environments(self) -> Iterator[dict[str, Any]]:
        return (service.get("environment", {}) for service in self.services.values())


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def compose() -> ComposeFile:
    """The compose file, with a password for each variable that asks for one."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    required = {found["name"] for found in _VARIABLE.finditer(text) if found["kind"] == "?"}
    return ComposeFile(text=text, content=yaml.safe_load(text), given=dict.fromkeys(required, "secret-of-a-test"))


@pytest.fixture(params=OURS)
def our_service(request: pytest.FixtureRequest) -> str:
    """Each service that runs our code."""
    return request.param


@pytest.fixture(params=WORKERS)
def worker(request: pytest.FixtureRequest) -> str:
    """Each worker's service."""
    return request.param


@pytest.fixture(params=REDIS_SERVERS)
def redis_server(request: pytest.FixtureRequest) -> str:
    """The data plane's service, and the broker's."""
    return request.param
