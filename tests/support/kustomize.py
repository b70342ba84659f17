"""What kustomize makes of a directory, for the few of its features that deploy/kubernetes uses."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

Manifest = dict[str, Any]
KUSTOMIZATION: Final = "kustomization.yaml"
_UNDERSTOOD: Final = {"apiVersion", "kind", "resources", "patches", "configMapGenerator"}


def build(directory: Path) -> list[Manifest]:
    """Every object that ``kubectl apply -k`` would send. A generated ConfigMap has no digest in its name."""
    kustomization = load_kustomization(directory)
    manifests = [manifest for name in kustomization["resources"] for manifest in _load(directory / name)]
    for patch in kustomization.get("patches", []):
        for manifest in _targets(manifests, patch["target"]):
            _patch(manifest, yaml.safe_load(patch["patch"]))
    generated = [_config_map(directory, wanted) for wanted in kustomization.get("configMapGenerator", [])]
    return [*manifests, *generated]


def load_kustomization(directory: Path) -> dict[str, Any]:
    """The directory's kustomization. Raises ValueError when it uses what ``build`` does not know."""
    kustomization = yaml.safe_load((directory / KUSTOMIZATION).read_text(encoding="utf-8"))
    if unknown := kustomization.keys() - _UNDERSTOOD:
        raise ValueError(f"{directory / KUSTOMIZATION} uses {', '.join(sorted(unknown))}, which build() does not know")
    return kustomization


def named_files(directory: Path) -> list[str]:
    """The paths that the directory's kustomization refers to."""
    kustomization = load_kustomization(directory)
    environments = [name for wanted in kustomization.get("configMapGenerator", []) for name in wanted["envs"]]
    return [*kustomization["resources"], *environments]


def read_environment(file: Path) -> dict[str, str]:
    """The assignments of a file of ``NAME=value`` lines."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line.strip() and not line.startswith("#"))
    return {name: value for name, _equals, value in pairs}


def _load(path: Path) -> list[Manifest]:
    if path.is_dir():
        return build(path)
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def _config_map(directory: Path, wanted: dict[str, Any]) -> Manifest:
    content: dict[str, str] = {}
    for name in wanted["envs"]:
        content |= read_environment(directory / name)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}, "data": content}


def _targets(manifests: Iterable[Manifest], target: dict[str, str]) -> list[Manifest]:
    found = [manifest for manifest in manifests if _is_meant(manifest, target)]
    if not found:
        raise ValueError(f"a patch is for {target}, which is not there")
    return found


def _is_meant(manifest: Manifest, target: dict[str, str]) -> bool:
    group, _slash, version = manifest["apiVersion"].rpartition("/")
    found = {"group": group, "version": version, "kind": manifest["kind"], "name": manifest["metadata"]["name"]}
    return all(found[field] == value for field, value in target.items())


def _patch(manifest: Manifest, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        *parents, last = operation["path"].removeprefix("/").split("/")
        where = manifest
        for parent in parents:
            where = where[parent]
        if operation["op"] == "remove":
            del where[last]
        else:
            where[last] = copy.deepcopy(operation["value"])
