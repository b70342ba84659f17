"""LoRA adapters: which are let in, which are refused and why, and that their bytes stay as they are."""

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from memos.clock import ManualClock
from memos.configs.parametric import LoRAMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest, NotFound, Unavailable
from memos.memories.parametric.lora import LoRAMemory
from memos.settings import Settings
from tests.support.adapters import write_adapter

STEM = "base_model.model.layers.0.q_proj"
Tensors = dict[str, torch.Tensor]
BROKEN: list[tuple[Callable[[Tensors], Tensors], str]] = [
    (lambda tensors: {}, "0 pairs of lora_A and lora_B in 0 tensors"),
    (lambda tensors: {f"{STEM}.lora_A.weight": tensors[f"{STEM}.lora_A.weight"]}, "no complete pair"),
    (lambda tensors: {f"{STEM}.lora_B.weight": tensors[f"{STEM}.lora_B.weight"]}, "0 pairs"),
    (lambda tensors: {**tensors, f"{STEM}.lora_B.weight": torch.zeros(8, 3)}, "[2, 8] and [8, 3]"),
    (lambda tensors: {**tensors, f"{STEM}.lora_A.weight": torch.zeros(16)}, "no complete pair"),
]


@pytest.fixture
def memory() -> LoRAMemory:
    return LoRAMemory(LoRAMemoryConfig(), clock=ManualClock(1_750_000_000_000))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path / "adapter")


def change_tensors(adapter: Path, change: Callable[[Tensors], Tensors]) -> None:
    path = adapter / "adapter_model.safetensors"
    save_file(change(load_file(path)), path)


def change_config(adapter: Path, **fields: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def files_of(directory: Path) -> tuple[bytes, bytes]:
    return (directory / "adapter_config.json").read_bytes(), (directory / "adapter_model.safetensors").read_bytes()


def refusal(memory: LoRAMemory, adapter: Path) -> str:
    with pytest.raises(InvalidRequest) as raised:
        memory.add(adapter)
    assert memory.get_all() == []
    return str(raised.value)


class TestWhatIsLetIn:
    def test_a_directory_as_peft_writes_it_becomes_an_item_that_describes_itself(
        self, memory: LoRAMemory, adapter: Path
    ) -> None:
        (name,) = memory.add(adapter)
        item = memory.get(name)
        assert item["memory"] == "LoRA adapter of rank 2 for tiny: 1 modules (q_proj)"
        known = item.metadata
        assert (known.base_model, known.rank, known.alpha, known.modules) == ("tiny", 2, 4, 1)
        assert known.target_modules == ("q_proj",)
        assert known.size_bytes == sum(map(len, files_of(adapter)))
        assert known.created_at == datetime.fromtimestamp(1_750_000_000, UTC)

    def test_paths_may_be_strings_and_several(self, memory: LoRAMemory, adapter: Path, tmp_path: Path) -> None:
        other = write_adapter(tmp_path / "other", seed=1)
        assert len(memory.add([str(adapter), other])) == 2
        first = memory.get_all()[0]
        memory.update(first.id, str(other))
        assert memory.get(first.id).weights == files_of(other)[1]

    def test_it_is_a_copy(self, memory: LoRAMemory, adapter: Path, tmp_path: Path) -> None:
        before = files_of(adapter)
        memory.add(adapter)
        change_config(adapter, r=99)
        assert files_of(memory.get_all()[0].save(tmp_path / "saved")) == before

    def test_a_place_where_nothing_can_be_saved_is_named(self, memory: LoRAMemory, adapter: Path) -> None:
        memory.add(adapter)
        with pytest.raises(Unavailable, match="disk is unavailable"):
            memory.get_all()[0].save(adapter / "adapter_config.json")

    def test_dumped_files_are_those_that_were_given_byte_by_byte(
        self, memory: LoRAMemory, adapter: Path, tmp_path: Path
    ) -> None:
        memory.add(adapter)
        memory.dump(tmp_path / "dump")
        (directory,) = [path for path in (tmp_path / "dump" / "parametric_memory").iterdir() if path.is_dir()]
        assert files_of(directory) == files_of(adapter)

    def test_embeddings_convolutions_and_ranks_of_their_own_are_adapters_too(
        self, memory: LoRAMemory, adapter: Path
    ) -> None:
        def more(tensors: Tensors) -> Tensors:
            return tensors | {
                "base_model.model.embed.lora_embedding_A": torch.zeros(2, 100),
                "base_model.model.embed.lora_embedding_B": torch.zeros(8, 2),
                "base_model.model.conv.lora_A.weight": torch.zeros(3, 8, 5, 5),
                "base_model.model.conv.lora_B.weight": torch.zeros(16, 3, 1, 1),
            }

        change_tensors(adapter, more)
        change_config(adapter, target_modules=["q_proj", "embed", "conv"], rank_pattern={"conv": 3})
        memory.add(adapter)
        assert memory.get_all()[0].metadata.modules == 3

    def test_a_pattern_of_target_modules_is_not_run(self, memory: LoRAMemory, adapter: Path) -> None:
        change_config(adapter, target_modules="(a+)+$")
        memory.add(adapter)
        assert memory.get_all()[0].metadata.target_modules == ("(a+)+$",)


class TestWhatIsRefused:
    def test_pickled_weights(self, memory: LoRAMemory, adapter: Path) -> None:
        (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
        assert "adapter_model.bin is a pickle" in refusal(memory, adapter)

    @pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
    def test_half_a_directory(self, memory: LoRAMemory, adapter: Path, name: str) -> None:
        (adapter / name).unlink()
        with pytest.raises(NotFound, match=f"has no {name}"):
            memory.add(adapter)

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"peft_type": "IA3"}, "field peft_type"),
            ({"base_model_name_or_path": ""}, "field base_model_name_or_path"),
            ({"base_model_name_or_path": None}, "field base_model_name_or_path"),
            ({"r": 0}, "field r:"),
            ({"r": 4}, "do not fit rank 4"),
            ({"lora_alpha": "much"}, "field lora_alpha"),
            ({"target_modules": ["k_proj"]}, "layers.0.q_proj is changed and is none of target_modules k_proj"),
        ],
    )
    def test_a_configuration_that_is_wrong_or_of_other_tensors(
        self, memory: LoRAMemory, adapter: Path, fields: dict[str, Any], said: str
    ) -> None:
        change_config(adapter, **fields)
        assert said in refusal(memory, adapter)

    @pytest.mark.parametrize(("change", "said"), BROKEN)
    def test_tensors_that_are_no_whole_adapter(
        self, memory: LoRAMemory, adapter: Path, change: Callable[[Tensors], Tensors], said: str
    ) -> None:
        change_tensors(adapter, change)
        assert said in refusal(memory, adapter)

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            (b"", "header of a sensible length"),
            (struct.pack("<Q", 2**60), "header of a sensible length"),
            (struct.pack("<Q", 4) + b"nono", "header cannot be read"),
            (struct.pack("<Q", 40) + b"{}", "cut short"),
        ],
    )
    def test_a_file_that_is_no_safetensors(self, memory: LoRAMemory, adapter: Path, header: bytes, said: str) -> None:
        (adapter / "adapter_model.safetensors").write_bytes(header)
        assert said in refusal(memory, adapter)

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            ({"dtype": "F32", "shape": [4], "data_offsets": [0, 12]}, "lies at (0, 12) and not at (0, 16)"),
            ({"dtype": "F32", "shape": [4], "data_offsets": [4, 20]}, "lies at (4, 20) and not at (0, 16)"),
            ({"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}, "has 16 bytes of tensors and its header"),
            ({"dtype": "C64", "shape": [2], "data_offsets": [0, 16]}, "type 'C64'"),
            ({"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}, "header cannot be read"),
        ],
    )
    def test_a_header_that_lies(self, memory: LoRAMemory, adapter: Path, entry: dict[str, Any], said: str) -> None:
        header = json.dumps({"x": entry}).encode()
        content = struct.pack("<Q", len(header)) + header + bytes(16)
        (adapter / "adapter_model.safetensors").write_bytes(content)
        assert said in refusal(memory, adapter)

    def test_training_is_not_promised(self, memory: LoRAMemory) -> None:
        with pytest.raises(InvalidRequest, match="trains no adapters; train one with peft"):
            memory.extract("I like football")


class TestTheBaseModel:
    @pytest.fixture
    def base(self, tmp_path: Path) -> Path:
        directory = tmp_path / "base"
        directory.mkdir()
        (directory / "config.json").write_text("{}")
        save_file({"layers.0.q_proj.weight": torch.zeros(8, 8)}, directory / "model-1.safetensors")
        save_file({"layers.1.q_proj.weight": torch.zeros(8, 16)}, directory / "model-2.safetensors")
        return directory

    @pytest.fixture
    def picky(self, base: Path) -> LoRAMemory:
        return LoRAMemory(self.config(str(base)))

    def config(self, model: str) -> LoRAMemoryConfig:
        llm = {"backend": "huggingface", "config": {"model_name_or_path": model}}
        return LoRAMemoryConfig.model_validate({"extractor_llm": llm})

    def test_an_adapter_that_fits_its_weights_is_let_in(self, picky: LoRAMemory, adapter: Path) -> None:
        picky.add(adapter)
        assert len(picky.get_all()) == 1

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"width": 12}, r"shape [12, 12], and the model's has [8, 8]"),
            ({"module": "layers.1.q_proj"}, "shape [8, 8], and the model's has [8, 16]"),
            ({"module": "model.q_proj"}, "the model has none of them"),
        ],
    )
    def test_one_of_another_model_is_refused(
        self, picky: LoRAMemory, memory: LoRAMemory, tmp_path: Path, changed: dict[str, Any], said: str
    ) -> None:
        other = write_adapter(tmp_path / "other", **changed)
        assert said in refusal(picky, other)
        memory.add(other)
        memory.dump(tmp_path / "dump")
        with pytest.raises(InvalidRequest, match="model"):
            picky.load(tmp_path / "dump")
        assert picky.get_all() == []

    def test_it_is_found_by_its_alias(self, base: Path, tmp_path: Path) -> None:
        aliases = tmp_path / "aliases.json"
        aliases.write_text(json.dumps({"acme/base": str(base)}))
        named = LoRAMemory(self.config("acme/base"), Settings(model_aliases=aliases))
        assert "none of them" in refusal(named, write_adapter(tmp_path / "other", module="model.q_proj"))

    def test_a_server_has_no_weights_to_compare_with(self) -> None:
        server = {"backend": "openai", "config": {"model_name_or_path": "m"}}
        with pytest.raises(InvalidConfig, match="'openai' shows no weights"):
            LoRAMemoryConfig.model_validate({"extractor_llm": server})
