"""The pods of deploy/kubernetes: closed, bounded, probed where something answers, and stopped with enough time."""

import re
from pathlib import Path
from typing import Any

import pytest

from memos.settings import Settings
from tests.support.manifests import Cluster, read_bytes

KUBERNETES = Path(__file__).parents[3] / "deploy" / "kubernetes"
WORKERS = ("cpu-worker", "gpu-worker")
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
# What a worker's main process needs besides its children.
_MAIN_PROCESS_BYTES = 512 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """What the fullest overlay puts into a cluster."""
    return Cluster.of(KUBERNETES / "overlays" / "gpu")


def test_every_pod_is_confined(cluster: Cluster) -> None:
    for pod in cluster.pods.values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


def test_every_container_is_confined(cluster: Cluster) -> None:
    for container in cluster.containers.values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_no_pod_gets_a_token_of_the_cluster(cluster: Cluster) -> None:
    [account] = cluster.of_kind("ServiceAccount").values()

    assert account["automountServiceAccountToken"] is False
    assert {pod["automountServiceAccountToken"] for pod in cluster.pods.values()} == {False}
    assert {pod["serviceAccountName"] for pod in cluster.pods.values()} == {account["metadata"]["name"]}


def test_every_container_has_what_it_asks_for_and_a_limit_of_memory_and_disk(cluster: Cluster) -> None:
    for container in cluster.containers.values():
        resources = container["resources"]
        assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys()
        assert {"memory", "ephemeral-storage"} <= resources["limits"].keys()


def test_what_is_written_to_disk_stays_within_its_limit(cluster: Cluster) -> None:
    for pod in cluster.pods.values():
        [container] = pod["containers"]
        sizes = [read_bytes(volume["emptyDir"]["sizeLimit"]) for volume in pod["volumes"] if "emptyDir" in volume]
        assert sum(sizes) <= read_bytes(container["resources"]["limits"]["ephemeral-storage"])


def test_the_cpu_workers_processes_are_renewed_before_the_container_is_killed(cluster: Cluster) -> None:
    container = cluster.containers["cpu-worker"]
    processes = int(container["command"][container["command"].index("--concurrency") + 1])
    each = int(cluster.settings["MEMOS_WORKER_MAX_MEMORY_MB"]) * 2**20

    assert processes * each + _MAIN_PROCESS_BYTES <= read_bytes(container["resources"]["limits"]["memory"])


def test_only_the_gpu_worker_takes_a_device(cluster: Cluster) -> None:
    taken = {name: one["resources"]["limits"].get("nvidia.com/gpu") for name, one in cluster.containers.items()}

    assert taken == {"dispatcher": None, "flower": None, "cpu-worker": None, "gpu-worker": 1}


def test_every_container_is_probed_at_a_port_that_it_opens(cluster: Cluster) -> None:
    for container in cluster.containers.values():
        ports = {one["name"] for one in container["ports"]}
        assert {container[probe]["httpGet"]["port"] for probe in _PROBES} <= ports


@pytest.mark.parametrize("name", ["dispatcher", *WORKERS])
def test_our_processes_are_probed_where_they_answer(cluster: Cluster, name: str) -> None:
    container = cluster.containers[name]

    assert [container[probe]["httpGet"] for probe in _PROBES] == [
        {"path": "/livez", "port": "metrics"},
        {"path": "/livez", "port": "metrics"},
        {"path": "/readyz", "port": "metrics"},
    ]
    assert container["ports"] == [{"name": "metrics", "containerPort": int(cluster.settings["MEMOS_METRICS_PORT"])}]


def test_flower_is_probed_where_it_answers_without_a_login(cluster: Cluster, compose: Any) -> None:
    container = cluster.containers["flower"]
    [port] = [word.partition("=")[2] for word in container["command"] if word.startswith("--port=")]
    [asked] = re.findall(
        r"http://127\.0\.0\.1:(\d+)(/\w+)", " ".join(compose.services["flower"]["healthcheck"]["test"])
    )

    assert container["ports"] == [{"name": "http", "containerPort": int(port)}]
    assert {(port, container[probe]["httpGet"]["path"]) for probe in _PROBES} == {asked}


def test_a_hanging_process_is_replaced_within_half_a_minute(cluster: Cluster) -> None:
    for name in ("dispatcher", *WORKERS):
        probe = cluster.containers[name]["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] <= 30


@pytest.mark.parametrize("name", ["memos-cpu-worker", "memos-gpu-worker"])
def test_a_stopping_worker_has_the_time_to_hand_back_its_lanes(cluster: Cluster, name: str) -> None:
    settings = Settings.model_validate({"warm_stop_s": cluster.settings["MEMOS_WARM_STOP_S"]})

    assert cluster.pods[name]["terminationGracePeriodSeconds"] >= 2 * settings.warm_stop_s
    assert cluster.pods[name]["terminationGracePeriodSeconds"] > Settings.model_fields["warm_stop_s"].default


def test_nothing_delays_the_signal_to_stop(cluster: Cluster) -> None:
    assert [name for name, container in cluster.containers.items() if "lifecycle" in container] == []


def test_a_worker_is_not_the_first_process_of_its_container(cluster: Cluster, compose: Any) -> None:
    assert {compose.services[name]["init"] for name in WORKERS} == {True}
    assert {cluster.pods[f"memos-{name}"]["shareProcessNamespace"] for name in WORKERS} == {True}


def test_two_dispatchers_run_and_one_always_stays(cluster: Cluster) -> None:
    deployment = cluster.of_kind("Deployment")["memos-dispatcher"]["spec"]
    budget = cluster.of_kind("PodDisruptionBudget")["memos-dispatcher"]["spec"]

    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["maxUnavailable"] == 1


def test_who_works_has_a_disruption_budget_and_is_spread(cluster: Cluster) -> None:
    budgets = cluster.of_kind("PodDisruptionBudget")

    assert budgets.keys() == cluster.of_kind("Deployment").keys() - {"memos-flower"}
    for name, budget in budgets.items():
        labels = cluster.of_kind("Deployment")[name]["spec"]["selector"]["matchLabels"]
        assert budget["spec"]["selector"]["matchLabels"] == labels
        assert [one["labelSelector"]["matchLabels"] for one in cluster.pods[name]["topologySpreadConstraints"]]


def test_a_deployment_selects_its_own_pods_alone(cluster: Cluster) -> None:
    selectors = []
    for deployment in cluster.of_kind("Deployment").values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels == deployment["metadata"]["labels"]
        selectors.append(labels["app.kubernetes.io/component"])

    assert len(set(selectors)) == len(selectors)


def test_every_mounted_volume_exists_and_every_volume_is_mounted(cluster: Cluster) -> None:
    for pod in cluster.pods.values():
        [container] = pod["containers"]
        assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}


def test_every_directory_of_the_settings_can_be_written(cluster: Cluster) -> None:
    for name in WORKERS:
        mounted = [one["mountPath"] for one in cluster.containers[name]["volumeMounts"]]
        values = {**cluster.settings, **{one["name"]: one.get("value", "") for one in cluster.containers[name]["env"]}}
        paths = [value for value in values.values() if value.startswith("/")]
        assert "/tmp" in mounted
        assert [path for path in paths if not any(f"{path}/".startswith(f"{one}/") for one in mounted)] == []


def test_kv_artefacts_are_where_compose_has_them_and_many_may_write_them(cluster: Cluster, compose: Any) -> None:
    [mount] = [one for one in cluster.containers["gpu-worker"]["volumeMounts"] if one["name"] == "kv"]
    [claim] = cluster.of_kind("PersistentVolumeClaim").values()
    [volume] = [one for one in cluster.pods["memos-gpu-worker"]["volumes"] if one["name"] == "kv"]

    assert f"kv:{mount['mountPath']}" in compose.services["gpu-worker"]["volumes"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_only_scrapers_reach_our_pods(cluster: Cluster) -> None:
    policies = cluster.of_kind("NetworkPolicy")
    everyone = {"matchLabels": {"app.kubernetes.io/name": "memos"}}

    assert policies["memos-closed"]["spec"]["podSelector"] == everyone
    assert policies["memos-closed"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    opened = [rule for policy in policies.values() for rule in policy["spec"].get("ingress", [])]
    assert [port["port"] for rule in opened for port in rule["ports"]] == ["metrics"]
    assert all(rule["from"] for rule in opened)


def test_only_workers_reach_the_stores(cluster: Cluster) -> None:
    policies = cluster.of_kind("NetworkPolicy")
    ports = {name: _ports(policy) for name, policy in policies.items()}
    [_, who] = policies["memos-workers-to-stores"]["spec"]["podSelector"]["matchExpressions"]

    assert {7687, 19530} <= ports["memos-workers-to-stores"]
    assert not {7687, 19530} & ports["memos-closed"]
    assert who["values"] == list(WORKERS)


def _ports(policy: dict[str, Any]) -> set[int]:
    return {port["port"] for rule in policy["spec"].get("egress", []) for port in rule.get("ports", [])}
