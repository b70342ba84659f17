import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from memos.errors import NotFound, Unavailable
from memos.models.install import install_model, install_wheel
from memos.models.inventory import list_models
from memos.models.packaged import PACKAGED, PackagedModel, find_packaged_source
from memos.settings import Settings

ABSENT = PackagedModel(
    name="absent", kind="llm", package="no-such-package-here", version="1.0", path="x/x.gguf", converts=True
)


def test_an_unknown_name_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(NotFound, match="smollm2-135m"):
        install_model("gpt-9", Settings())


def test_an_installed_model_is_not_installed_again() -> None:
    def refuse(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        raise AssertionError(command)

    assert (install_model("all-minilm-l6-v2", Settings(), run=refuse) / "config.json").is_file()


def test_the_wheel_is_asked_for_pinned_without_dependencies_and_without_running_its_code() -> None:
    commands: list[Sequence[str]] = []

    def fail(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "noise\nERROR: No matching distribution found")

    with pytest.raises(Unavailable, match="No matching distribution"):
        install_wheel(ABSENT, fail)
    assert {"--no-deps", "--only-binary=:all:", "no-such-package-here==1.0"} <= set(commands[0])


def test_a_package_that_is_not_installed_has_no_source() -> None:
    assert find_packaged_source(ABSENT) is None


def test_the_list_names_every_packaged_and_aliased_model_and_loads_nothing(tmp_path: Path) -> None:
    aliases = tmp_path / "aliases.json"
    aliases.write_text('{"hub/one": "smollm2-135m", "hub/two": "/nowhere"}')
    entries = {entry.name: entry for entry in list_models(Settings(model_cache=tmp_path, model_aliases=aliases))}
    assert entries.keys() == {*PACKAGED, "hub/one", "hub/two"}
    assert entries["all-minilm-l6-v2"].ready
    assert entries["all-minilm-l6-v2"].size_bytes > 10**7
    assert entries["smollm2-135m"].installed
    assert not entries["smollm2-135m"].ready
    assert entries["hub/one"].origin == "alias of smollm2-135m"
    assert not entries["hub/two"].installed
