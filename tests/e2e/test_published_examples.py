"""The examples that MemOS published run unchanged. They are kept beside the repository, in ../shared.

Each runs from a directory with a copy of examples/, as a process of its own. Where one names an Ollama server there is
a small one, over the packaged models; a model of the hub is a packaged one by the alias file. A loop over ``input()``
is fed lines, and ends as every such loop does, with EOFError.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos.ids import TenantId
from memos.settings import ENV_PREFIX, Settings, child_environment
from tests.support.ollama_server import OllamaServer
from tests.support.warm_python import WarmPython

ROOT = Path(__file__).parents[2]
Run = Callable[..., str]
PUBLISHED = ROOT.parent / "shared" / "acceptance" / "seed_examples"

pytestmark = [
    pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published examples are not beside this checkout"),
    pytest.mark.models,
    pytest.mark.timeout(300),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where an example runs: a directory with a copy of examples/, so that the checkout stays clean."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "aliases.json").write_text(json.dumps({"Qwen/Qwen3-0.6B": "smollm2-135m"}))
    return tmp_path


@pytest.fixture
def servers(settings: Settings, tenant: TenantId) -> dict[str, str]:
    """Environment variables that name the session's servers, with a tenant and a collection of this test's own."""
    named = {
        "TENANT": tenant,
        "NEO4J_URL": settings.neo4j_url,
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "NEO4J_DATABASE": settings.neo4j_database,
        "MILVUS_URL": settings.milvus_url,
        "MILVUS_COLLECTION": "examples",
    }
    return {f"{ENV_PREFIX}{name}": str(value) for name, value in named.items()}


@pytest.fixture(scope="module")
def ollama() -> Iterator[dict[str, str]]:
    """The environment variable that names an Ollama server which has what the examples ask for."""
    with OllamaServer() as server:
        yield {"OLLAMA_HOST": server.url}


@pytest.fixture
def run(place: Path, warm_python: WarmPython) -> Run:
    """Runs an example in its place; returns what it prints. ``ends_with`` is the error that ends it on purpose."""

    def run_one(name: str, *, said: str = "", ends_with: str = "", **environment: str) -> str:
        named = {"MEMOS_DATA_DIR": str(place / ".memos"), "MEMOS_MODEL_ALIASES": str(place / "aliases.json")}
        given = child_environment(**{**named, **environment})
        ran = warm_python.run(str(PUBLISHED / name), cwd=place, env=given, said=said, timeout_s=280)
        last = ran.stderr.strip().rpartition("\n")[2]
        assert (ran.returncode == 0) if not ends_with else last.startswith(ends_with), f"{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    return run_one


def contents_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.servers
def test_1_a_conversation_is_remembered_found_dumped_and_loaded(run: Run, place: Path, servers: dict[str, str]) -> None:
    for _ in range(2):  # another user registers the same directory, in the same installation
        shown = run("ex1_minimal_pipeline.py", **servers)
        assert "memory='I love playing football.'" in shown
    dumped = (place / "tmp" / "my_mem_cube" / "textual_memory.jsonl").read_text()
    assert "I love playing football." in dumped
    assert "church organs" in dumped


@pytest.mark.servers
def test_2_a_tree_is_filled_searched_dumped_and_dropped(
    run: Run, place: Path, servers: dict[str, str], ollama: dict[str, str]
) -> None:
    run("ex2_tree_text_memory.py", **servers, **ollama)
    header, *items = (place / "tmp" / "my_tree_textual_memory" / "textual_memory.jsonl").read_text().splitlines()
    assert json.loads(header)["schema"] == "memos.textual"
    for line in items:
        metadata = json.loads(line)["metadata"]
        assert (metadata["user_id"], metadata["session_id"]) == ("1234", "2222")
        assert json.loads(line)["sources"]


def test_3_kv_states_are_extracted_merged_deleted_dumped_and_loaded(run: Run, place: Path) -> None:
    shown = run("ex3_kv_cache_memory.py")
    assert "Merged cache: id=" in shown
    assert shown.partition("After delete: ")[2].partition("\n")[0].count("KVCacheItem(") == 1
    assert shown.partition("Loaded caches: ")[2].count("Tell me a joke.") >= 1
    assert list((place / "tmp" / "kv_mem").rglob("*.safetensors"))
    assert not list((place / "tmp").rglob("*.pickle"))


@pytest.mark.servers
def test_4_a_chat_has_a_tree_and_a_kv_state(run: Run, place: Path, servers: dict[str, str]) -> None:
    shutil.rmtree("/tmp/default/mem_cube_5", ignore_errors=True)
    said = "What do I like?\nAnd what else?\n"
    shown = run("ex4_hybrid.py", said=said, ends_with="EOFError", **servers)
    assert shown.count("🤖 [Assistant] ") == 2


@pytest.mark.servers
def test_5_workers_extract_and_the_chat_shows_what_is_kept(run: Run, stack: Settings, tenant: TenantId) -> None:
    on_stack = {"MEMOS_DATA_DIR": str(stack.data_dir), "MEMOS_TENANT": tenant}
    said = "What do I like?\nAnd what else?\n"
    shown = run("ex5_multi_memory_scheduling.py", said=said, ends_with="EOFError", **on_stack)
    assert shown.count("🤖 [Assistant] ") == 2
    assert "[KVCache]" in shown


def test_6_a_cube_is_read_from_its_directory_and_copied(run: Run, place: Path) -> None:
    shown = run("ex6_mem_cube_from_dir.py")
    assert shown.startswith("=== Textual Memory Entries ===")
    assert shown.count("memory='") + shown.count('memory="') == 7
    assert "Ilse repairs church organs" in shown
    cube = ROOT / "examples" / "data" / "mem_cube_2"
    assert contents_of(place / "tmp" / "mem_cube_copy") == contents_of(cube)
    assert contents_of(place / "examples" / "data" / "mem_cube_2") == contents_of(cube)
    assert not (place / ".memos").exists()


def test_7_a_model_answers_whole_and_in_pieces_and_texts_become_vectors(run: Run, ollama: dict[str, str]) -> None:
    *answers, dimension = run("ex7_llm_and_embedder_factories.py", **ollama).rstrip().splitlines()
    assert "".join(answers).strip()
    assert dimension.endswith("384")
