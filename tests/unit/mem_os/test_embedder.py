"""MOS with another embedder than the packaged one: that of the file which the settings name."""

import json
from pathlib import Path

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidConfig
from memos.mem_os.main import MOS
from tests.support.embedding_server import OllamaEmbeddings, serving
from tests.unit.mem_os.conftest import on_twins, texts


def test_what_is_remembered_and_asked_goes_through_the_named_embedder(tmp_path: Path) -> None:
    with serving(OllamaEmbeddings()) as server:
        section = {"provider": "ollama", "config": {"model": "nomic-embed-text", "ollama_base_url": server.url}}
        (tmp_path / "embedder.json").write_text(json.dumps(section))
        settings = on_twins(tmp_path, embedder_config=tmp_path / "embedder.json", embedder_model="no/such/model")
        with MOS(MOSConfig(user_id="ana"), settings=settings) as mos:
            mos.create_cube_for_user("notes", owner_id="ana")
            mos.add(memory_content="I drink green tea.")
            assert texts(mos.search("tea")) == ["I drink green tea."]
        sent = [text for request in server.sent_texts for text in request]
        assert "I drink green tea." in sent
        assert "tea" in sent


def test_a_file_that_is_none_is_named_at_the_first_use(tmp_path: Path) -> None:
    settings = on_twins(tmp_path, embedder_config=tmp_path / "none.json")
    with MOS(MOSConfig(user_id="ana"), settings=settings) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        with pytest.raises(InvalidConfig, match=r"none\.json"):
            mos.add(memory_content="I drink green tea.")
