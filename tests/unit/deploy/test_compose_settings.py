"""docker-compose.yml in step with the settings, the queues and the modules that it names."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from memos.settings import ENV_PREFIX, Settings
from scheduler.broker import CPU_QUEUES, GPU_QUEUES, task_name
from scheduler.keys import Queue

_STORE_SECRETS = {"MEMOS_NEO4J_PASSWORD", "MEMOS_MILVUS_TOKEN", "MEMOS_LLM_API_KEY"}


def _settings_of(compose: Any, service: str) -> dict[str, str]:
    environment = compose.environment_of(service)
    return {name: value for name, value in environment.items() if name.startswith(ENV_PREFIX)}


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def test_every_memos_variable_is_a_setting(compose: Any, our_service: str) -> None:
    names = {name for name in compose.services[our_service]["environment"] if name.startswith(ENV_PREFIX)}

    assert names <= {f"{ENV_PREFIX}{field}".upper() for field in Settings.model_fields}


def test_the_settings_accept_what_each_service_is_given(compose: Any, our_service: str) -> None:
    given = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in _settings_of(compose, our_service).items()}

    assert Settings.model_validate(given).model_fields_set == set(given)


def test_workers_are_told_of_every_server(compose: Any, worker: str) -> None:
    hosts = {
        name: urlsplit(value).hostname for name, value in _settings_of(compose, worker).items() if name.endswith("_URL")
    }

    assert hosts == {
        "MEMOS_REDIS_URL": "redis",
        "MEMOS_BROKER_URL": "broker",
        "MEMOS_NEO4J_URL": "neo4j",
        "MEMOS_MILVUS_URL": "milvus",
    }


def test_every_server_has_the_password_that_its_clients_use(compose: Any) -> None:
    worker = compose.services["cpu-worker"]["environment"]
    neo4j, milvus = (compose.services[name]["environment"] for name in ("neo4j", "milvus"))

    assert neo4j["NEO4J_AUTH"] == "neo4j/${NEO4J_PASSWORD}"
    assert worker["MEMOS_NEO4J_PASSWORD"].startswith("${NEO4J_PASSWORD:?")
    assert milvus["COMMON_SECURITY_AUTHORIZATIONENABLED"] == "true"
    assert milvus["COMMON_SECURITY_DEFAULTROOTPASSWORD"] == "${MILVUS_PASSWORD}"
    assert worker["MEMOS_MILVUS_TOKEN"].startswith("root:${MILVUS_PASSWORD:?")
    assert milvus["MINIO_ACCESS_KEY_ID"] == compose.services["minio"]["environment"]["MINIO_ROOT_USER"]


@pytest.mark.parametrize("service", ["dispatcher", "flower"])
def test_who_needs_no_store_is_told_no_store_password(compose: Any, service: str) -> None:
    assert not _STORE_SECRETS & compose.services[service]["environment"].keys()


def test_the_two_uses_of_redis_have_a_server_each(compose: Any, our_service: str) -> None:
    given = _settings_of(compose, our_service)
    urls = [urlsplit(given[f"MEMOS_{use}_URL"]) for use in ("REDIS", "BROKER")]

    assert [(url.hostname, url.port, url.path) for url in urls] == [("redis", 6379, "/0"), ("broker", 6379, "/0")]
    assert {url.password for url in urls} == {compose.given["REDIS_PASSWORD"]}


def test_one_broker_carries_the_hints_of_both_kinds_of_worker(compose: Any, our_service: str) -> None:
    assert "MEMOS_GPU_BROKER_URL" not in compose.services[our_service]["environment"]


@pytest.mark.parametrize(("service", "queues"), [("cpu-worker", CPU_QUEUES), ("gpu-worker", GPU_QUEUES)])
def test_each_worker_consumes_the_queues_of_its_application(
    compose: Any, service: str, queues: tuple[Queue, ...]
) -> None:
    consumed = _option(compose.services[service]["command"], "-Q").split(",")

    assert consumed == [task_name(queue) for queue in queues]


def test_no_queue_is_left_without_a_worker() -> None:
    assert {*CPU_QUEUES, *GPU_QUEUES} == set(Queue)


def test_the_gpu_worker_runs_in_one_process_that_owns_the_device(compose: Any) -> None:
    assert _option(compose.services["gpu-worker"]["command"], "--pool") == "solo"
    assert compose.environment_of("gpu-worker")["MEMOS_DEVICE"] == "cuda"


def test_each_command_names_a_module_that_exists(compose: Any, our_service: str) -> None:
    command = compose.services[our_service]["command"]
    module = _option(command, "-A" if command[0] == "celery" else "-m").partition(":")[0]

    assert find_spec(module) is not None


def test_a_probe_asks_the_application_that_it_probes(compose: Any, worker: str) -> None:
    service = compose.services[worker]

    assert f"celery -A {_option(service['command'], '-A')} inspect ping" in service["healthcheck"]["test"][1]


def test_the_dispatchers_probe_looks_at_its_ready_file(compose: Any) -> None:
    service = compose.services["dispatcher"]

    assert service["healthcheck"]["test"][-1] == _option(service["command"], "--ready-file")


def test_flower_reads_a_file_that_is_in_its_image(compose: Any, root: Path) -> None:
    [conf] = [part for part in compose.services["flower"]["command"] if part.startswith("--conf=")]
    path = conf.removeprefix("--conf=")

    assert (root / path).is_file()
    assert f"COPY {path} {path}" in (root / "deploy" / "Dockerfile.cpu").read_text(encoding="utf-8")
