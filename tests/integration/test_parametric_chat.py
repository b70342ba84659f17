"""A cube's adapter answers its chats, with states of its own, and nobody else notices."""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import torch

from memos.clock import SystemClock
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.mem_os import MOSConfig
from memos.configs.parametric import LoRAMemoryConfig
from memos.errors import InvalidRequest
from memos.ids import CubeId, TenantId
from memos.kv.build import KVBuilder
from memos.kv.chat import CachedChat, ChatReport
from memos.kv.engines.adapted import AdaptedEngine
from memos.kv.engines.base import Decoding
from memos.kv.engines.registry import shared_engine
from memos.kv.engines.transformers import TransformersEngine
from memos.kv.store import ArtefactStore
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.activation import ADAPTED_HERE
from memos.mem_os.main import MOS
from memos.memories.parametric.apply import LoRAAdapter
from memos.memories.parametric.item import LoRAItem
from memos.memories.parametric.lora import LoRAMemory
from memos.models.resolve import resolve_model
from memos.settings import Settings
from tests.support.adapters import write_adapter, write_smollm_adapter

pytestmark = pytest.mark.models

MODEL: Final = "smollm2-135m"
QUESTION: Final = "What do I drink in the morning?"
SYSTEM: Final = "You are a helpful assistant who remembers the user and says in one short sentence what is asked."
GREEDY: Final = Decoding(max_new_tokens=6)
CHAT: Final = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [write_smollm_adapter(folder / str(seed), seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def base(model_cache: Path) -> TransformersEngine:
    return shared_engine(resolve_model(MODEL, Settings(model_cache=model_cache)), device="cpu")


@pytest.fixture
def adapted(base: TransformersEngine, adapters: list[Path], model_cache: Path) -> TransformersEngine:
    return engine_with(model_cache, adapters[0])


def engine_with(model_cache: Path, directory: Path) -> TransformersEngine:
    item: LoRAItem = LoRAMemory(LoRAMemoryConfig()).read_adapter(directory)
    model_dir = resolve_model(MODEL, Settings(model_cache=model_cache))
    return shared_engine(model_dir, device="cpu", adapter=LoRAAdapter(item=item))


def chat_model(backend: str, max_tokens: int = 8) -> dict[str, Any]:
    local = {"model_name_or_path": MODEL, "device": "cpu", "temperature": 0, "max_tokens": max_tokens}
    return {"backend": backend, "config": local}


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """One object and the cube ``garden``, which may hold adapters, beside the cube ``notes``, which may not."""

    mos: MOS

    def hold(self, directory: Path) -> str:
        held = self.mos.mem_cubes["garden"].para_mem
        assert held is not None
        (name,) = held.add(directory)
        return name

    def drop(self, name: str) -> None:
        held = self.mos.mem_cubes["garden"].para_mem
        assert held is not None
        held.delete(name)

    def ask(self, cube: str = "garden", **options: Any) -> tuple[str, ChatReport | None]:
        stream = self.mos.chat_stream(QUESTION, mem_cube_id=cube, **{"remember": False, **options})
        return "".join(stream), stream.report

    def says(self, cube: str = "garden", **options: Any) -> str:
        return self.ask(cube, **options)[0]


OpenGarden = Callable[..., Opened]


@pytest.fixture
def open_garden(tmp_path: Path, model_cache: Path) -> Iterator[OpenGarden]:
    cube: dict[str, Any] = {
        "cube_id": "garden",
        "text_mem": {"backend": "naive_text", "config": {}},
        "para_mem": {"backend": "lora", "config": {}},
    }
    GeneralMemCube(GeneralMemCubeConfig(**cube)).dump(tmp_path / "garden")
    with ExitStack() as opened:

        def open_one(redis_url: str | None = None, **config: Any) -> Opened:
            settings = Settings(
                data_dir=tmp_path,
                model_cache=model_cache,
                neo4j_url="memory://",
                milvus_url="memory://",
                redis_url=redis_url,
            )
            wanted: dict[str, Any] = {
                "user_id": "ana",
                "system_prompt": SYSTEM,
                "chat_model": chat_model("huggingface"),
                "enable_parametric_memory": True,
                **config,
            }
            mos = opened.enter_context(MOS(MOSConfig(**wanted), settings=settings))
            mos.create_cube_for_user("notes", owner_id="ana")
            mos.register_mem_cube(tmp_path / "garden")
            return Opened(mos=mos)

        yield open_one


def test_the_newest_adapter_answers_and_without_one_the_model_speaks_as_before(
    open_garden: OpenGarden, adapters: list[Path]
) -> None:
    garden = open_garden()
    plain = garden.says()
    first = garden.hold(adapters[0])
    one = garden.says()
    second = garden.hold(adapters[1])
    two = garden.says()
    assert len({plain, one, two}) == 3
    assert garden.says("notes") == plain
    garden.drop(second)
    assert garden.says() == one
    garden.drop(first)
    assert garden.says() == plain


def test_switched_off_an_adapter_changes_nothing(open_garden: OpenGarden, adapters: list[Path]) -> None:
    garden = open_garden(enable_parametric_memory=False)
    plain = garden.says()
    garden.hold(adapters[0])
    assert garden.says() == plain


def test_the_singleton_backend_answers_with_the_adapter_too(open_garden: OpenGarden, adapters: list[Path]) -> None:
    garden = open_garden(chat_model=chat_model("huggingface_singleton"))
    plain = garden.says()
    garden.hold(adapters[0])
    assert garden.says() != plain


def test_an_adapter_of_another_model_is_refused_before_the_first_word_and_the_turn_is_not_kept(
    open_garden: OpenGarden, tmp_path: Path
) -> None:
    garden = open_garden(enable_activation_memory=True)
    plain = garden.says()
    name = garden.hold(write_adapter(tmp_path / "other"))
    with pytest.raises(InvalidRequest, match=r"changes layers\.0\.q_proj, which the model does not have"):
        garden.mos.chat_stream(QUESTION, mem_cube_id="garden")
    assert garden.mos.get_all("garden")["text_mem"][0]["memories"] == []
    assert garden.mos.add(memory_content="I drink green tea.", mem_cube_id="garden").memory_ids
    garden.drop(name)
    assert garden.says("notes") == plain


def test_two_cubes_that_chat_at_once_get_what_they_get_alone(open_garden: OpenGarden, adapters: list[Path]) -> None:
    garden = open_garden()
    garden.hold(adapters[0])
    alone = {cube: garden.says(cube) for cube in ("garden", "notes")}
    together: dict[str, list[str]] = {"garden": [], "notes": []}

    def chat(cube: str) -> None:
        together[cube].extend(garden.says(cube) for _ in range(3))

    threads = [threading.Thread(target=chat, args=(cube,)) for cube in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert together == {cube: [text] * 3 for cube, text in alone.items()}


def test_a_stored_state_is_used_by_the_model_that_built_it_alone(open_garden: OpenGarden, adapters: list[Path]) -> None:
    garden = open_garden(enable_activation_memory=True)
    garden.mos.add(memory_content="I drink green tea in the morning.", mem_cube_id="garden")
    plain, report = garden.ask()
    assert report is not None
    assert (report.miss, report.tier) == (None, "ram")

    name = garden.hold(adapters[0])
    text, report = garden.ask()
    assert report is not None
    assert (report.cached_tokens, report.miss) == (0, "the artefact is of another model: weights_hash differs")
    assert text == garden.says(use_artefact=False) != plain

    garden.mos.add(memory_content="I drink coffee at noon.", mem_cube_id="garden")
    text, report = garden.ask()
    assert report is not None
    assert (report.miss, report.cached_tokens > 30) == (None, True)
    assert text == garden.says(use_artefact=False)

    garden.drop(name)
    text, report = garden.ask()
    assert report is not None
    assert report.miss is None  # the state from before the second memory, which is a prefix of this prompt
    assert text == garden.says(use_artefact=False)


def test_a_state_of_the_model_is_a_miss_for_its_adapter_and_the_other_way_round(
    base: TransformersEngine, adapted: TransformersEngine, tmp_path: Path, tenant: TenantId
) -> None:
    for builder, other in ((base, adapted), (adapted, base)):
        cube, store = CubeId(f"built by {type(builder).__name__}"), ArtefactStore(tmp_path)
        KVBuilder(builder, store, SystemClock()).build(tenant, cube, SYSTEM, [])
        hit = CachedChat(builder, store).stream(tenant, cube, CHAT, GREEDY)
        missed = CachedChat(other, store).stream(tenant, cube, CHAT, GREEDY)
        assert (hit.report.miss, hit.report.cached_tokens > 16) == (None, True)
        assert missed.report.miss == "the artefact is of another model: weights_hash differs"
        assert "".join(missed) == "".join(other.stream(other.encode(CHAT), options=GREEDY))
        assert "".join(hit) == "".join(builder.stream(builder.encode(CHAT), options=GREEDY))


def test_with_an_adapter_a_state_gives_the_logits_of_plain_prefill_and_that_of_the_model_would_not(
    base: TransformersEngine, adapted: TransformersEngine
) -> None:
    ids = adapted.encode(CHAT)
    plain = adapted.logits(ids)
    own, foreign = (adapted.logits(ids, state=engine.prefill(ids[:24])) for engine in (adapted, base))
    assert float((plain - own).abs().max()) < 1e-3
    assert int(plain.argmax()) == int(own.argmax())
    assert float((plain - foreign).abs().max()) > 0.1
    assert not torch.equal(base.logits(ids), plain)


def test_the_fingerprint_names_the_adapter_and_nothing_else_differs(
    base: TransformersEngine, adapted: TransformersEngine, adapters: list[Path], model_cache: Path
) -> None:
    other = engine_with(model_cache, adapters[1])
    again = engine_with(model_cache, adapters[0])
    assert base.fingerprint.differing_fields(adapted.fingerprint) == ["weights_hash"]
    assert other.fingerprint.differing_fields(adapted.fingerprint) == ["weights_hash"]
    assert again.fingerprint == adapted.fingerprint


def test_twenty_turns_make_no_more_engines_than_there_are_adapters(
    open_garden: OpenGarden, adapters: list[Path]
) -> None:
    garden = open_garden(enable_activation_memory=True, chat_model=chat_model("huggingface", max_tokens=1))
    names = [garden.hold(directory) for directory in adapters[:2]]
    garden.says()
    before = loaded_engines()
    for _ in range(10):
        garden.says()
        garden.drop(names.pop())
        garden.says()
        names.append(garden.hold(adapters[1]))
    assert loaded_engines() <= before + 1


def loaded_engines() -> int:
    gc.collect()
    return sum(isinstance(one, AdaptedEngine) for one in gc.get_objects())


@pytest.mark.servers
def test_a_miss_says_that_workers_build_for_the_model_alone(
    open_garden: OpenGarden, adapters: list[Path], redis_url: str
) -> None:
    garden = open_garden(redis_url, enable_activation_memory=True, enable_mem_scheduler=True)
    _, report = garden.ask()
    assert report is not None
    assert report.miss == "no artefact is stored for this cube"
    garden.hold(adapters[0])
    _, report = garden.ask()
    assert report is not None
    assert report.miss == f"no artefact is stored for this cube; {ADAPTED_HERE}"
    assert report.ttft_ms is not None
    _, report = garden.ask(use_artefact=False)
    assert report is not None
    assert report.miss == "reuse was not wanted"
