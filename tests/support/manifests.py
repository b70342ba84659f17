"""Kubernetes manifests as tests read them: found by kind and name, and checked against the schemas of their kinds."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate

from tests.support.kustomize import Manifest, build

# The oldest release that is still maintained, and the newest whose schemas are at hand.
RELEASES: Final = ("1.34", "1.37")
# Kinds that a cluster learns from an operator; their schemas are ours, and stricter than the operators' own.
_SCHEMAS: Final = Path(__file__).parents[1] / "unit" / "deploy" / "schemas"
_UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """What one overlay puts into a cluster."""

    manifests: tuple[Manifest, ...]

    @classmethod
    def of(cls, directory: Path) -> "Cluster":
        return cls(manifests=tuple(build(directory)))

    def of_kind(self, kind: str) -> dict[str, Manifest]:
        """The objects of a kind by their names."""
        return {one["metadata"]["name"]: one for one in self.manifests if one["kind"] == kind}

    @property
    def pods(self) -> dict[str, dict[str, Any]]:
        """The pod's specification of each Deployment."""
        return {name: one["spec"]["template"]["spec"] for name, one in self.of_kind("Deployment").items()}

    @property
    def containers(self) -> dict[str, dict[str, Any]]:
        """The one container of each Deployment's pods, by the container's name."""
        return {one["name"]: one for pod in self.pods.values() for one in pod["containers"]}

    @property
    def settings(self) -> dict[str, str]:
        """What every pod gets from the ConfigMap."""
        [generated] = self.of_kind("ConfigMap").values()
        return generated["data"]

    def environment_of(self, container: str) -> set[str]:
        """The names of all variables that a container gets."""
        return set(self.settings) | {one["name"] for one in self.containers[container]["env"]}

    def secrets_of(self, container: str) -> dict[str, dict[str, Any]]:
        """The references to secrets among a container's variables."""
        variables = self.containers[container]["env"]
        return {one["name"]: one["valueFrom"]["secretKeyRef"] for one in variables if "valueFrom" in one}


def find_fault(manifest: Manifest, release: str) -> str | None:
    """Why a cluster of that release would refuse the object, or None. A field that nobody knows is a fault."""
    try:
        own = _SCHEMAS / f"{manifest['kind'].lower()}.json"
        if own.exists():
            jsonschema.validate(manifest, json.loads(own.read_text(encoding="utf-8")))
        else:
            kubernetes_validate.validate(manifest, release, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        return error.message
    return None


def read_bytes(quantity: str) -> int:
    """A quantity such as 512Mi."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is not a number of Ki, Mi or Gi")
    return int(found[1]) * _UNITS[found[2]]
