"""Parts are made once, closed once, and made anew afterwards; configuration that cannot work is refused by field."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidConfig, Unavailable
from memos.mem_os.main import MOS
from memos.mem_os.parts import Parts
from memos.settings import Settings
from tests.unit.mem_os.conftest import OpenMOS, on_twins, texts

REMOTE = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": "http://localhost:1/v1"}}


def test_threads_that_ask_at_once_get_one_part(tmp_path: Path) -> None:
    parts = Parts(MOSConfig(), on_twins(tmp_path))
    together = threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return id(parts.access)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    parts.close()


@pytest.mark.models
def test_threads_that_add_at_first_use_lose_nothing(open_mos: OpenMOS) -> None:
    mos = open_mos()
    facts = [f"My locker number {number} is at the harbour." for number in range(8)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda fact: mos.add(memory_content=fact), facts))
    assert sorted(texts(mos.get_all())) == facts
    assert sorted(texts(mos.search("locker", top_k=50))) == facts


def test_users_and_cubes_outlive_the_object_and_it_works_again_after_closing(tmp_path: Path) -> None:
    with MOS(MOSConfig(user_id="ana"), settings=on_twins(tmp_path)) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
    assert mos.list_cubes() == ["notes"]
    mos.close()
    mos.close()


def test_what_one_tenant_has_another_of_the_same_installation_has_not(tmp_path: Path) -> None:
    for tenant in ("acme", "umbrella"):
        with MOS(MOSConfig(user_id="ana"), settings=on_twins(tmp_path, tenant=tenant)) as mos:
            assert mos.list_cubes() == []
            mos.create_cube_for_user("notes", owner_id="ana")


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    MOS(settings=on_twins(tmp_path / "unused")).close()
    assert not (tmp_path / "unused").exists()


BAD_CONFIGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown field": ({"topk": 3}, ["topk", "known fields: ", "top_k"]),
    "out of range": ({"top_k": 0}, ["top_k", "greater than or equal to 1", "got 0"]),
    "wrong type": ({"enable_mem_scheduler": "perhaps"}, ["enable_mem_scheduler", "perhaps"]),
    "empty": ({"system_prompt": ""}, ["system_prompt", "at least 1 character"]),
    "negative": ({"max_turns_window": -1}, ["max_turns_window", "got -1"]),
    "unknown backend": ({"chat_model": {"backend": "gpt"}}, ["'gpt'", "known: "]),
    "unknown reader": ({"mem_reader": {"backend": "magic"}}, ["'magic'", "known: document, rules, simple_struct"]),
    "inner field": (
        {"chat_model": {"backend": "openai", "config": {"model_name_or_path": "m", "temperature": 3}}},
        ["temperature", "less than or equal to 2", "got 3"],
    ),
}


@pytest.mark.parametrize(("config", "words"), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_malformed_configuration_names_field_value_and_what_is_allowed(
    config: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(InvalidConfig) as refused:
        MOSConfig(**config)
    assert [word for word in words if word not in str(refused.value)] == []


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"top_k": "many"}'])
def test_a_malformed_file_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "mos.json").write_text(text)
    with pytest.raises(InvalidConfig, match=r"mos\.json"):
        MOSConfig.from_json_file(tmp_path / "mos.json")
    with pytest.raises(InvalidConfig, match=r"mos\.json"):
        MOSConfig.from_yaml_file(tmp_path / "mos.json")


def test_activation_memory_needs_a_model_of_this_process(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="huggingface"):
        MOS(MOSConfig(chat_model=REMOTE, enable_activation_memory=True), settings=on_twins(tmp_path))  # type: ignore[arg-type]


def test_a_readers_key_in_the_clear_is_refused_before_it_would_lie_in_a_mailbox(tmp_path: Path) -> None:
    model = {"backend": "openai", "config": {**REMOTE["config"], "api_key": "sk-secret"}}  # type: ignore[dict-item]
    reader = {"backend": "simple_struct", "config": {"llm": model}}
    with pytest.raises(InvalidConfig, match="env:NAME") as refused:
        MOS(MOSConfig(mem_reader=reader, enable_mem_scheduler=True), settings=on_twins(tmp_path))  # type: ignore[arg-type]
    assert "sk-secret" not in str(refused.value)


def test_a_readers_key_in_the_clear_is_taken_where_no_job_would_carry_it(tmp_path: Path) -> None:
    model = {"backend": "openai", "config": {**REMOTE["config"], "api_key": "sk-secret"}}  # type: ignore[dict-item]
    reader = {"backend": "simple_struct", "config": {"llm": model}}
    with MOS(MOSConfig(user_id="ana", mem_reader=reader), settings=on_twins(tmp_path)) as mos:  # type: ignore[arg-type]
        assert mos.create_cube_for_user("notes", owner_id="ana") == "notes"


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with MOS(settings=on_twins(tmp_path / "file")) as mos, pytest.raises(Unavailable, match=str(tmp_path / "file")):
        mos.list_cubes()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "redis://127.0.0.1:1/0"])
def test_a_scheduler_without_a_redis_is_refused_or_unavailable(tmp_path: Path, url: str) -> None:
    settings: Settings = on_twins(tmp_path, redis_url=url)
    with MOS(MOSConfig(user_id="ana", enable_mem_scheduler=True), settings=settings) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        with pytest.raises((InvalidConfig, Unavailable), match="redis"):
            mos.add(memory_content="x")
