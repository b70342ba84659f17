"""The shape of docker-compose.yml: what keeps a deployment up, small and closed."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from memos.settings import Settings

_UNITS_S = {"s": 1, "m": 60, "h": 3600}


def test_every_image_is_pinned_to_a_release(compose: Any) -> None:
    images = [service["image"] for service in compose.services.values()]

    assert [image for image in images if not re.search(r":(v?\d+\.\d+\.\d+\S*|RELEASE\.\d{4}-\S+)$", image)] == []


def test_our_images_carry_the_version_of_the_package(compose: Any, root: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert {service["image"] for service in compose.ours.values()} == {f"memos-cpu:{version}", f"memos-gpu:{version}"}


@pytest.mark.parametrize("wanted", ["healthcheck", "restart", "mem_limit", "stop_grace_period", "logging", "networks"])
def test_no_service_lacks(compose: Any, wanted: str) -> None:
    assert [name for name, service in compose.services.items() if not service.get(wanted)] == []


def test_no_health_check_may_hang(compose: Any) -> None:
    checks = [service["healthcheck"] for service in compose.services.values()]

    assert all(check["test"][0] in ("CMD", "CMD-SHELL") for check in checks)
    assert all({"interval", "timeout", "retries"} <= check.keys() for check in checks)


def test_no_service_may_gain_privileges(compose: Any) -> None:
    for service in compose.services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "pid", "ipc", "network_mode"} & service.keys()


def test_our_services_run_as_nobody_special_on_a_read_only_file_system(compose: Any) -> None:
    for service in compose.ours.values():
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True


def test_ports_are_published_on_loopback_alone(compose: Any) -> None:
    ports = [port for service in compose.services.values() for port in service.get("ports", [])]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert not any("expose" in service for service in compose.services.values())


def test_published_ports_do_not_collide(compose: Any) -> None:
    published = [compose.fill_in(port) for service in compose.services.values() for port in service.get("ports", [])]

    assert len({port.split(":")[1] for port in published}) == len(published)


def test_only_milvus_reaches_its_etcd_and_object_store(compose: Any) -> None:
    inside = {name for name, service in compose.services.items() if "vectors" in service["networks"]}

    assert inside == {"milvus", "etcd", "minio"}
    assert compose.services["etcd"]["networks"] == compose.services["minio"]["networks"] == ["vectors"]
    assert compose.content["networks"]["vectors"]["internal"] is True


def test_every_store_keeps_its_data_in_a_named_volume(compose: Any) -> None:
    mounts = [mount.split(":") for service in compose.services.values() for mount in service.get("volumes", [])]
    named = {source for source, *_ in mounts if not source.startswith(".")}

    assert named == set(compose.content["volumes"])
    assert {"redis", "neo4j", "milvus", "etcd", "minio"} <= named


def test_the_broker_has_no_place_to_keep_anything(compose: Any) -> None:
    broker = compose.services["broker"]

    assert broker["read_only"] is True
    assert [mount for mount in broker["volumes"] if not mount.endswith(":ro")] == []
    # Otherwise the image's own declaration makes a volume.
    assert [mount.partition(":")[0] for mount in broker["tmpfs"]] == ["/data"]


def test_the_broker_is_for_our_services_alone(compose: Any) -> None:
    assert "ports" not in compose.services["broker"]
    assert compose.services["broker"]["networks"] == ["backbone"]


def test_both_redis_servers_are_the_same_program_run_in_the_same_way(compose: Any) -> None:
    redis, broker = (compose.services[name] for name in ("redis", "broker"))
    own = {"command", "volumes", "tmpfs", "ports", "mem_limit", "stop_grace_period"}

    assert {key for key in redis.keys() | broker.keys() if redis.get(key) != broker.get(key)} == own
    assert redis["user"] == "redis"
    assert redis["read_only"] is True


def test_each_redis_server_is_started_with_files_that_are_mounted_beside_each_other(
    compose: Any, redis_server: str
) -> None:
    service = compose.services[redis_server]
    [_shell, script], configuration = service["entrypoint"], service["command"][0]
    targets = {target for _source, target, *_mode in (mount.split(":") for mount in service["volumes"])}

    assert configuration == f"{redis_server}.conf"
    assert {script, f"{script.rpartition('/')[0]}/{configuration}"} <= targets


def test_mounted_files_exist_and_cannot_be_written(compose: Any, root: Path) -> None:
    mounts = [mount.split(":") for service in compose.services.values() for mount in service.get("volumes", [])]
    files = [mount for mount in mounts if mount[0].startswith(".")]

    assert files
    assert all((root / source).is_file() and mode == "ro" for source, _target, mode in files)


def test_workers_share_kv_artefacts_and_models(compose: Any) -> None:
    mounts = {tuple(compose.services[name]["volumes"]) for name in ("cpu-worker", "gpu-worker")}

    assert len(mounts) == 1
    assert {mount.split(":")[0] for mount in mounts.pop()} == {"kv", "models"}


def test_only_the_gpu_worker_waits_for_its_profile_and_reserves_a_device(compose: Any) -> None:
    assert {name for name, service in compose.services.items() if "profiles" in service} == {"gpu-worker"}
    reserved = compose.services["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_our_services_start_when_redis_and_the_broker_are_healthy(
    compose: Any, our_service: str, redis_server: str
) -> None:
    assert compose.services[our_service]["depends_on"][redis_server] == {"condition": "service_healthy"}


def test_workers_start_when_the_stores_are_healthy(compose: Any, worker: str) -> None:
    waits_for = compose.services[worker]["depends_on"]

    assert waits_for == {store: {"condition": "service_healthy"} for store in ("redis", "broker", "neo4j", "milvus")}


def test_a_stopping_worker_has_the_time_to_hand_back_what_it_has(compose: Any, worker: str) -> None:
    assert _seconds(compose.services[worker]["stop_grace_period"]) > Settings().warm_stop_s + 5


def _seconds(duration: str) -> int:
    return sum(int(number) * _UNITS_S[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))
