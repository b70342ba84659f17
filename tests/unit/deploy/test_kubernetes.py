"""deploy/kubernetes: a cluster would take it, it is complete, and it agrees with compose, Dockerfiles and settings."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from memos.settings import ENV_PREFIX, Settings, child_environment
from tests.support.kustomize import KUSTOMIZATION, build, load_kustomization, named_files, read_environment
from tests.support.manifests import RELEASES, Cluster, find_fault

KUBERNETES = Path(__file__).parents[3] / "deploy" / "kubernetes"
DIRECTORIES = ("base", "overlays/keda", "overlays/gpu", "monitors")
_STORE_SECRETS = {"MEMOS_NEO4J_PASSWORD", "MEMOS_MILVUS_TOKEN", "MEMOS_LLM_API_KEY"}
_DIGEST = re.compile(r"(?<=memos-settings)-[a-z0-9]{10}\b")

each_directory = pytest.mark.parametrize("directory", DIRECTORIES)


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """What the fullest overlay puts into a cluster."""
    return Cluster.of(KUBERNETES / "overlays" / "gpu")


@pytest.mark.parametrize("release", RELEASES)
@each_directory
def test_a_cluster_would_take_every_object(directory: str, release: str) -> None:
    faults = {one["metadata"]["name"]: find_fault(one, release) for one in build(KUBERNETES / directory)}

    assert faults
    assert [f"{name}: {fault}" for name, fault in faults.items() if fault] == []


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [("Deployment", "memos-flower", "replicaz"), ("ScaledObject", "memos-gpu-worker", "cooldown")],
)
def test_a_misspelt_field_would_be_found(cluster: Cluster, kind: str, name: str, field: str) -> None:
    manifest = cluster.of_kind(kind)[name]

    assert find_fault({**manifest, "spec": {**manifest["spec"], field: 1}}, RELEASES[0]) is not None


@each_directory
def test_a_kustomization_lists_exactly_the_files_beside_it(directory: str) -> None:
    listed = [name for name in named_files(KUBERNETES / directory) if not name.startswith("..")]
    there = {path.name for path in (KUBERNETES / directory).iterdir()} - {KUSTOMIZATION}

    assert sorted(listed) == sorted(there)


@each_directory
def test_a_kustomization_is_one(directory: str) -> None:
    assert find_fault(load_kustomization(KUBERNETES / directory), RELEASES[0]) is None


def test_every_directory_with_manifests_is_tested() -> None:
    assert {path.parent for path in KUBERNETES.rglob("*.yaml")} == {KUBERNETES / name for name in DIRECTORIES}


@pytest.mark.skipif(
    not (shutil.which("kustomize") or shutil.which("kubectl")), reason="neither kustomize nor kubectl is installed"
)
@each_directory
def test_kustomize_itself_builds_the_same(directory: str) -> None:
    program: Sequence[str] = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    built = subprocess.run(
        [*program, str(KUBERNETES / directory)],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    theirs = list(yaml.safe_load_all(_DIGEST.sub("", built.stdout)))
    assert _by_name(theirs) == _by_name(build(KUBERNETES / directory))


def _by_name(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["kind"], one["metadata"]["name"]): one for one in manifests}


def test_no_object_names_a_namespace(cluster: Cluster) -> None:
    assert [one["metadata"]["name"] for one in cluster.manifests if "namespace" in one["metadata"]] == []


def test_no_secret_is_written_down(cluster: Cluster) -> None:
    assert cluster.of_kind("Secret") == {}
    plain = [one for container in cluster.containers.values() for one in container["env"] if "value" in one]
    assert [one["name"] for one in plain if re.search(r"PASSWORD|TOKEN|SECRET|API_KEY|REDIS|BROKER", one["name"])] == []
    assert [value for value in cluster.settings.values() if re.search(r"://[^/]*@", value)] == []


def test_every_memos_variable_is_a_setting(cluster: Cluster) -> None:
    known = {f"{ENV_PREFIX}{field}".upper() for field in Settings.model_fields}
    given = {name for container in cluster.containers for name in cluster.environment_of(container)}

    assert {name for name in given if name.startswith(ENV_PREFIX)} <= known


def test_the_settings_accept_what_the_pods_are_given(cluster: Cluster) -> None:
    plain = cluster.settings | {
        one["name"]: one["value"]
        for container in cluster.containers.values()
        for one in container["env"]
        if "value" in one
    }
    given = {
        name.removeprefix(ENV_PREFIX).lower(): value for name, value in plain.items() if name.startswith(ENV_PREFIX)
    }

    assert Settings.model_validate(given).model_fields_set == set(given)


def test_no_service_can_be_taken_for_a_setting(cluster: Cluster) -> None:
    assert [name for name in cluster.of_kind("Service") if name.startswith("memos")] == []
    assert {pod["enableServiceLinks"] for pod in cluster.pods.values()} == {False}


def test_the_same_processes_run_as_under_compose(cluster: Cluster, compose: Any) -> None:
    ours = {name: _plain(container["command"]) for name, container in cluster.containers.items()}

    assert ours == {name: _plain(service["command"]) for name, service in compose.ours.items()}


def _plain(command: Sequence[str]) -> list[str]:
    """A command without compose's way of naming a variable and without the file that only its probe looks at."""
    words = [re.sub(r"\$[{(](\w+)(:-\w+)?[})]", r"$\1", word) for word in command]
    if "--ready-file" in words:
        at = words.index("--ready-file")
        del words[at : at + 2]
    return words


def test_the_same_images_run_as_under_compose(cluster: Cluster, compose: Any) -> None:
    images = {name: container["image"] for name, container in cluster.containers.items()}

    assert images == {name: service["image"] for name, service in compose.ours.items()}


def test_the_pods_run_as_the_user_of_the_images(cluster: Cluster, compose: Any) -> None:
    [user] = {service["user"] for service in compose.ours.values()}
    users = {
        f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" for pod in cluster.pods.values()
    }

    assert users == {user}


def test_pods_get_the_variables_that_compose_gives(cluster: Cluster, compose: Any) -> None:
    """Beside optional ones, the ports of servers that compose runs itself, and where only KV artefacts are used."""
    for name, service in compose.ours.items():
        asked = {one for one, value in service["environment"].items() if value is not None}
        missing = asked - cluster.environment_of(name) - {"MEMOS_GPU_BROKER_URL"}
        assert missing <= ({"MEMOS_KV_DIR"} if name == "cpu-worker" else set()), name


@pytest.mark.parametrize("container", ["dispatcher", "flower"])
def test_who_needs_no_store_is_told_no_store_password(cluster: Cluster, container: str) -> None:
    assert not _STORE_SECRETS & cluster.secrets_of(container).keys()


def test_every_secret_that_is_asked_for_is_in_the_instructions(cluster: Cluster) -> None:
    page = (KUBERNETES.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    asked = {reference["key"] for name in cluster.containers for reference in cluster.secrets_of(name).values()}

    assert set(re.findall(r"--from-literal=([a-z0-9-]+)=", page)) == asked


def test_all_secrets_are_in_one_object_and_only_extras_are_optional(cluster: Cluster) -> None:
    references = [one for name in cluster.containers for one in cluster.secrets_of(name).values()]

    assert {one["name"] for one in references} == {"memos-secrets"}
    assert {one["key"] for one in references if one.get("optional")} == {"broker-url", "llm-api-key"}


def test_the_environment_file_has_each_setting_once() -> None:
    text = (KUBERNETES / "base" / "settings.env").read_text(encoding="utf-8")

    assert len(re.findall(r"(?m)^\w+=", text)) == len(read_environment(KUBERNETES / "base" / "settings.env"))
