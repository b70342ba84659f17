"""How workers are scaled, and how the numbers for it get to Prometheus."""

import re
from pathlib import Path
from typing import Any

import pytest

from memos.settings import Settings
from scheduler.broker import CPU_QUEUES, GPU_QUEUES
from tests.support.manifests import Cluster
from tests.support.promql import find_faults, read

KUBERNETES = Path(__file__).parents[3] / "deploy" / "kubernetes"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """What the fullest overlay puts into a cluster."""
    return Cluster.of(KUBERNETES / "overlays" / "gpu")


def _triggers(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    return cluster.of_kind("ScaledObject")[name]["spec"]["triggers"]


def _queries(cluster: Cluster) -> list[str]:
    return [
        trigger["metadata"]["query"] for name in cluster.of_kind("ScaledObject") for trigger in _triggers(cluster, name)
    ]


def _oldest_ready_queues(cluster: Cluster, name: str) -> set[str]:
    readings = [read(trigger["metadata"]["query"]) for trigger in _triggers(cluster, name)]
    series = [one for reading in readings for one in reading.series]
    return {matched["queue"] for metric, matched in series if metric == "memos_oldest_ready_seconds"}


def test_every_query_reads_metrics_that_exist(cluster: Cluster) -> None:
    assert _queries(cluster)
    assert [fault for query in _queries(cluster) for fault in find_faults(query)] == []


def test_a_query_gives_one_number_however_many_dispatchers_report(cluster: Cluster) -> None:
    for query in _queries(cluster):
        assert len(re.findall(r"\bmax\(", query)) == len(read(query).series)


def test_workers_are_scaled_by_the_age_of_every_queue_that_they_consume(cluster: Cluster) -> None:
    assert _oldest_ready_queues(cluster, "memos-cpu-worker") == {str(queue) for queue in CPU_QUEUES}
    assert _oldest_ready_queues(cluster, "memos-gpu-worker") == {str(queue) for queue in GPU_QUEUES}


def test_an_answer_without_numbers_is_an_error_and_not_an_empty_queue(cluster: Cluster) -> None:
    triggers = [trigger for name in cluster.of_kind("ScaledObject") for trigger in _triggers(cluster, name)]

    assert {trigger["metadata"]["ignoreNullValues"] for trigger in triggers} == {"false"}


def test_work_that_is_paused_under_overload_asks_for_no_worker(cluster: Cluster) -> None:
    paused = [
        query for query in _queries(cluster) if '"organize"' in query or 'oldest_ready_seconds{queue="kv"' in query
    ]

    assert len(paused) == 2
    assert all(query.endswith("* (max(memos_overload_level) < bool 2)") for query in paused)


def test_more_workers_are_asked_for_before_the_overload_ladder_begins(cluster: Cluster) -> None:
    [interactive] = [trigger for trigger in _triggers(cluster, "memos-cpu-worker") if trigger["name"] == "extract"]

    assert float(interactive["metadata"]["threshold"]) < Settings.model_fields["overload_dwell_s"].default / 2


def test_gpu_workers_go_to_zero_after_a_while_but_not_while_one_builds(cluster: Cluster) -> None:
    spec = cluster.of_kind("ScaledObject")["memos-gpu-worker"]["spec"]
    [at_work] = [trigger for trigger in spec["triggers"] if trigger["name"] == "at-work"]

    assert spec["minReplicaCount"] == 0
    assert spec["cooldownPeriod"] >= 300
    assert "memos_lanes_in_flight" in at_work["metadata"]["query"]
    assert at_work["metadata"]["activationThreshold"] == "0"


def test_some_cpu_workers_always_run(cluster: Cluster) -> None:
    assert cluster.of_kind("ScaledObject")["memos-cpu-worker"]["spec"]["minReplicaCount"] >= 2


def test_one_owner_has_the_number_of_workers(cluster: Cluster) -> None:
    """Either the Deployment or the ScaledObject; both would take turns."""
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in cluster.of_kind("ScaledObject").values()}
    fixed = {name for name, one in cluster.of_kind("Deployment").items() if "replicas" in one["spec"]}

    assert scaled == {"memos-cpu-worker", "memos-gpu-worker"}
    assert scaled | fixed == cluster.of_kind("Deployment").keys()
    assert scaled & fixed == set()


def test_without_keda_the_number_of_workers_is_fixed() -> None:
    base = Cluster.of(KUBERNETES / "base").of_kind("Deployment")

    assert {name: one["spec"]["replicas"] for name, one in base.items()} == {
        "memos-dispatcher": 2,
        "memos-cpu-worker": 2,
        "memos-flower": 1,
    }


def test_prometheus_finds_the_dispatchers_by_annotation_and_by_monitor(cluster: Cluster) -> None:
    template = cluster.of_kind("Deployment")["memos-dispatcher"]["spec"]["template"]["metadata"]
    [monitor] = Cluster.of(KUBERNETES / "monitors").of_kind("PodMonitor").values()
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]

    assert template["annotations"]["prometheus.io/port"] == cluster.settings["MEMOS_METRICS_PORT"]
    assert template["annotations"]["prometheus.io/path"] == endpoint["path"] == "/metrics"
    assert monitor["spec"]["selector"]["matchLabels"] == template["labels"]
    assert endpoint["port"] in {one["name"] for one in cluster.containers["dispatcher"]["ports"]}
