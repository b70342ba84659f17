import json
from collections.abc import Callable
from pathlib import Path

import pytest

from memos.errors import InvalidConfig, Unavailable
from memos.models.packaged import PACKAGED
from memos.models.resolve import resolve_model
from memos.settings import Settings

Alias = Callable[[object], Settings]


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "models" / "mine"
    directory.mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    return directory


@pytest.fixture
def alias(tmp_path: Path) -> Alias:
    def write(content: object) -> Settings:
        path = tmp_path / "aliases.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return Settings(model_aliases=path, model_cache=tmp_path / "cache")

    return write


def test_a_directory_is_itself(model_dir: Path) -> None:
    assert resolve_model(str(model_dir), Settings()) == model_dir


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nothing", "~/no-such-model-here"])
def test_a_path_that_is_no_model_says_so(name: str) -> None:
    with pytest.raises(InvalidConfig, match=r"not a directory with a config\.json"):
        resolve_model(name, Settings())


def test_an_alias_names_a_directory(model_dir: Path, alias: Alias) -> None:
    assert resolve_model("Qwen/Qwen3-0.6B", alias({"Qwen/Qwen3-0.6B": str(model_dir)})) == model_dir


def test_a_relative_alias_starts_at_the_alias_file(model_dir: Path, alias: Alias) -> None:
    assert resolve_model("a", alias({"a": "models/mine"})) == model_dir


def test_an_alias_may_name_a_packaged_model(alias: Alias) -> None:
    settings = alias({"sentence-transformers/all-MiniLM-L6-v2": "all-minilm-l6-v2"})
    directory = resolve_model("sentence-transformers/all-MiniLM-L6-v2", settings)
    assert (directory / "modules.json").is_file()


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', "\x00"])
def test_an_alias_file_that_is_malformed_is_refused_by_name(content: str, alias: Alias) -> None:
    with pytest.raises(InvalidConfig, match="model_aliases"):
        resolve_model("a", alias(content))


def test_an_alias_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"model_aliases: cannot read .*gone\.json"):
        resolve_model("a", Settings(model_aliases=tmp_path / "gone.json"))


def test_an_alias_to_nowhere_is_refused_with_both_names(alias: Alias) -> None:
    with pytest.raises(InvalidConfig, match="'a' to /nowhere"):
        resolve_model("a", alias({"a": "/nowhere"}))


def test_the_packaged_embedder_needs_no_conversion(tmp_path: Path) -> None:
    directory = resolve_model("all-minilm-l6-v2", Settings(model_cache=tmp_path / "cache"))
    assert (directory / "config.json").is_file()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["", "  ", "a b", "no\0where", "x" * 5000, "../../etc"])
def test_a_name_that_can_be_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidConfig):
        resolve_model(name, Settings())


def test_a_hub_that_cannot_be_reached_is_unavailable_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    # The library's own switch: it reads its environment variable once, at import.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Unavailable) as caught:
        resolve_model("nobody/no-such-model", Settings(model_cache=tmp_path))
    for hint in ("MEMOS_MODEL_ALIASES", "memos models install", "directory", *PACKAGED):
        assert hint in str(caught.value)
