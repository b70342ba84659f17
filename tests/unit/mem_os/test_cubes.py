"""Cubes that come and go: directories, ids, and objects of the application's own."""

import json
from collections.abc import Collection
from pathlib import Path

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import AccessDenied, Corrupt, InvalidRequest, NotFound
from memos.mem_cube.base import BaseMemCube
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from memos.memories.textual.base import BaseTextMemory
from memos.types import JobState
from tests.support.openai_server import OpenAIServer, stream
from tests.unit.mem_os.conftest import OpenMOS, on_twins, texts

pytestmark = pytest.mark.models

NAIVE = {"backend": "naive_text", "config": {}}


def naive_cube(cube_id: str = "garden") -> GeneralMemCube:
    return GeneralMemCube(GeneralMemCubeConfig(cube_id=cube_id, text_mem=NAIVE))  # type: ignore[arg-type]


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """A directory with a cube of two memories."""
    cube = naive_cube()
    cube.add(["I grow tomatoes on the balcony.", "My dog Rex digs in the flower beds."])
    cube.dump(tmp_path / "garden")
    return tmp_path / "garden"


class OwnCube(BaseMemCube):
    """A custom cube: a text memory of another kind, and nothing else."""

    def __init__(self, text: BaseTextMemory | None) -> None:
        super().__init__(user_id="ana", cube_id="own")
        self._text_mem = text

    @property
    def text_mem(self) -> BaseTextMemory | None:
        return self._text_mem

    def dump(self, directory: str | Path) -> None:
        Path(directory).mkdir()
        (Path(directory) / "own.txt").write_text(json.dumps([item.memory for item in self.get_all()["text_mem"]]))

    def load(self, directory: str | Path, *, memory_types: Collection[str] | None = None) -> None:
        self.add(json.loads((Path(directory) / "own.txt").read_text()))


class TestDirectory:
    def test_its_memories_are_found_under_their_ids(self, open_mos: OpenMOS, garden: Path) -> None:
        mos = open_mos()
        assert mos.register_mem_cube(garden) == "garden"
        assert sorted(mos.list_cubes()) == ["garden", "notes"]
        assert texts(mos.search("Who digs?", top_k=1)) == ["My dog Rex digs in the flower beds."]
        listed = {item.id for item in GeneralMemCube.init_from_dir(garden).text_mem.get_all()}  # type: ignore[union-attr]
        assert {node.id for node in mos.get_all("garden")["text_mem"][0]["memories"]} == listed

    @pytest.mark.parametrize(("backend", "kind"), [("naive_text", list), ("tree_text", dict)])
    def test_all_of_it_is_told_in_the_shape_of_what_it_was(
        self, open_mos: OpenMOS, tmp_path: Path, backend: str, kind: type
    ) -> None:
        naive_cube().dump(tmp_path / "dump")
        described = json.loads((tmp_path / "dump" / "config.json").read_text())
        assert described["text_mem"]["backend"] == "naive_text"
        config = GeneralMemCubeConfig.model_validate({**described, "text_mem": {"backend": backend}})
        settings = on_twins(tmp_path)
        cube = GeneralMemCube(config, settings)
        cube.add(["I grow tomatoes on the balcony."])
        cube.dump(tmp_path / backend)
        cube.close()
        mos = open_mos()
        mos.register_mem_cube(tmp_path / backend, mem_cube_id="mine")
        found = mos.get_all("mine")
        assert type(found["text_mem"][0]["memories"]) is kind
        assert texts(found) == ["I grow tomatoes on the balcony."]

    def test_making_it_again_renames_it_and_keeps_what_it_was_registered_with(
        self, open_mos: OpenMOS, garden: Path
    ) -> None:
        mos = open_mos()
        mos.register_mem_cube(garden, mem_cube_id="mine")
        mos.create_cube_for_user("The garden", owner_id="ana", cube_id="mine")
        [told] = [cube for cube in mos.get_user_info()["accessible_cubes"] if cube["cube_id"] == "mine"]
        assert (told["cube_name"], told["cube_path"]) == ("The garden", str(garden))
        assert isinstance(mos.get_all("mine")["text_mem"][0]["memories"], list)

    def test_registering_it_again_changes_nothing(self, open_mos: OpenMOS, garden: Path) -> None:
        mos = open_mos()
        for _ in range(2):
            mos.register_mem_cube(garden, mem_cube_id="mine")
        assert len(texts(mos.get_all("mine"))) == 2

    def test_a_second_user_gets_a_cube_of_her_own(self, open_mos: OpenMOS, garden: Path) -> None:
        mos = open_mos()
        mos.create_user("ben")
        mos.register_mem_cube(garden)
        bens = mos.register_mem_cube(garden, user_id="ben")
        assert bens != "garden"
        assert mos.register_mem_cube(garden, user_id="ben") == bens
        mos.add(memory_content="Ben plants beans.", user_id="ben", mem_cube_id=bens)
        assert "Ben plants beans." not in texts(mos.get_all("garden"))
        with pytest.raises(AccessDenied):
            mos.register_mem_cube(garden, mem_cube_id="garden", user_id="ben")

    def test_a_damaged_one_leaves_no_memory(self, open_mos: OpenMOS, garden: Path) -> None:
        mos = open_mos()
        path = garden / "textual_memory.jsonl"
        path.write_text(path.read_text().replace("tomatoes", "potatoes"))
        with pytest.raises(Corrupt):
            mos.register_mem_cube(garden)
        assert texts(mos.get_all("garden")) == []
        assert "garden" not in mos.mem_cubes

    def test_what_is_neither_directory_nor_cube_is_not_found(self, open_mos: OpenMOS, tmp_path: Path) -> None:
        mos = open_mos()
        with pytest.raises(NotFound, match="no directory"):
            mos.register_mem_cube(tmp_path / "none", mem_cube_id="x")
        with pytest.raises(AccessDenied):
            mos.register_mem_cube("no-such-cube")
        with pytest.raises(NotFound, match=r"config\.json"):
            mos.register_mem_cube(tmp_path)

    def test_an_id_opens_a_cube_that_exists(self, open_mos: OpenMOS) -> None:
        mos = open_mos()
        mos.add(memory_content="I drink green tea.")
        assert mos.register_mem_cube("notes") == "notes"
        assert [item.memory for item in mos.mem_cubes["notes"].search("tea")] == ["I drink green tea."]

    def test_an_unregistered_one_stays_its_owners_with_its_memories(self, open_mos: OpenMOS, garden: Path) -> None:
        mos = open_mos()
        mos.register_mem_cube(garden)
        mos.unregister_mem_cube("garden")
        assert "garden" not in mos.mem_cubes
        assert len(texts(mos.get_all("garden"))) == 2
        with pytest.raises(NotFound, match="not registered"):
            mos.unregister_mem_cube("garden")


class TestDump:
    def test_a_cube_travels_to_another_installation(
        self, open_mos: OpenMOS, tmp_path: Path, mos: MOS, ana: str
    ) -> None:
        here = open_mos()
        here.add(memory_content="I drink green tea.")
        here.add(memory_content="I like boats.", session_id="evening")
        here.dump(tmp_path / "out")
        mos.load(tmp_path / "out", user_id=ana)
        assert ana in mos.mem_cubes
        there = mos.get_all(ana, user_id=ana)["text_mem"][0]["memories"]["nodes"]
        assert {node.memory: node.metadata.session_id for node in there} == {
            "I drink green tea.": "default",
            "I like boats.": "evening",
        }
        assert [source.content for source in mos.get(ana, there[0].id, user_id=ana).sources] == [there[0].memory]

    def test_a_dump_of_what_was_loaded_is_the_same_to_the_byte(
        self, open_mos: OpenMOS, tmp_path: Path, mos: MOS, ana: str
    ) -> None:
        here = open_mos()
        here.add([{"role": "user", "content": text, "name": "Ana"} for text in ("I drink tea.", "I like boats.")])
        here.dump(tmp_path / "first")
        mos.load(tmp_path / "first", user_id=ana)
        mos.dump(tmp_path / "again", user_id=ana)
        first, again = (tmp_path / name / "textual_memory.jsonl" for name in ("first", "again"))
        assert first.read_bytes() == again.read_bytes()

    def test_root_dumps_what_was_registered_last(self, mos: MOS, garden: Path, ana: str, tmp_path: Path) -> None:
        """As in the published example, where a cube is registered for a user and dumped without naming her."""
        cube = mos.register_mem_cube(garden, mem_cube_id=f"{ana}-garden", user_id=ana)
        mos.dump(tmp_path / "out")
        assert (
            len(GeneralMemCube.init_from_dir(tmp_path / "out", config=naive_cube().config).get_all()["text_mem"]) == 2
        )
        mos.load(tmp_path / "out")
        assert len(texts(mos.get_all(cube, user_id=ana))) == 2

    def test_it_needs_the_right_to_read_and_a_load_that_to_write(self, open_mos: OpenMOS, tmp_path: Path) -> None:
        mos = open_mos()
        mos.create_user("ben")
        mos.create_user("gus", role="guest")
        mos.dump(tmp_path / "out")
        for call in (
            lambda: mos.dump(tmp_path / "theirs", user_id="ben", mem_cube_id="notes"),
            lambda: mos.load(tmp_path / "out", user_id="ben", mem_cube_id="notes"),
        ):
            with pytest.raises(AccessDenied):
                call()
        mos.share_cube_with_user("notes", "gus")
        mos.dump(tmp_path / "theirs", user_id="gus", mem_cube_id="notes")
        with pytest.raises(AccessDenied, match="but not write"):
            mos.load(tmp_path / "out", user_id="gus", mem_cube_id="notes")


class TestObject:
    @pytest.fixture
    def own(self) -> OwnCube:
        return OwnCube(naive_cube().text_mem)

    def test_calls_of_mos_go_to_it(self, open_mos: OpenMOS, own: OwnCube, talker: OpenAIServer) -> None:
        mos = open_mos()
        mos.register_mem_cube(own)
        added = mos.add(memory_content="I love sailing.", mem_cube_id="own", session_id="s")
        (item,) = own.get_all()["text_mem"]
        assert (added.state, added.memory_ids) == (JobState.SUCCEEDED, (item.id,))
        assert (item.metadata.user_id, item.metadata.session_id) == ("ana", "s")
        assert texts(mos.get_all("own")) == texts(mos.search("sailing", mem_cube_ids=["own"])) == ["I love sailing."]
        mos.update("own", item.id, "I love rowing.")
        assert mos.get("own", item.id).memory == "I love rowing."
        talker.replies = [stream("Noted.")]
        list(mos.chat_stream("What do I love?", mem_cube_id="own", remember=False))
        assert "I love rowing." in str(talker.requests[-1]["messages"])
        mos.delete("own", item.id)
        with pytest.raises(NotFound):
            mos.delete("own", item.id)
        own.add("I love tea.")
        assert mos.delete_all("own")["memories"] == 1

    def test_one_idempotency_key_adds_once(self, open_mos: OpenMOS, own: OwnCube) -> None:
        mos = open_mos()
        mos.register_mem_cube(own)
        for _ in range(2):
            mos.add(memory_content="I love sailing.", mem_cube_id="own", idempotency_key="k")
        assert len(own.get_all()["text_mem"]) == 1

    def test_its_memories_stand_beside_those_of_the_stores(self, open_mos: OpenMOS, own: OwnCube) -> None:
        mos = open_mos()
        mos.register_mem_cube(own)
        own.add(["I love sailing in spring.", "I love sailing in autumn."])
        mos.add(memory_content="I love sailing in summer.")
        found = mos.search("When do I love sailing?", top_k=2)["text_mem"]
        assert {shelf["cube_id"]: len(shelf["memories"]) for shelf in found} == {"notes": 1, "own": 1}

    def test_a_document_goes_into_it_word_for_word_and_once(
        self, open_mos: OpenMOS, own: OwnCube, tmp_path: Path
    ) -> None:
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "boats.md").write_text("A ketch has two masts.")
        mos = open_mos(on_twins(tmp_path, documents_root=tmp_path / "docs"))
        mos.register_mem_cube(own, mem_cube_id="own")
        first = mos.add(doc_path="boats.md", mem_cube_id="own")
        again = mos.add(doc_path="boats.md", mem_cube_id="own")
        assert first.memory_ids == again.memory_ids
        [item] = mos.get_all("own")["text_mem"][0]["memories"]
        assert item.memory == "A ketch has two masts."
        assert item.sources[0].speaker.startswith("boats.md#char=")

    def test_it_dumps_and_loads_itself(self, open_mos: OpenMOS, own: OwnCube, tmp_path: Path) -> None:
        mos = open_mos()
        mos.register_mem_cube(own)
        own.add("I love sailing.")
        mos.dump(tmp_path / "own", mem_cube_id="own")
        assert json.loads((tmp_path / "own" / "own.txt").read_text()) == ["I love sailing."]
        mos.load(tmp_path / "own", mem_cube_id="own")
        assert len(own.get_all()["text_mem"]) == 2

    def test_one_without_text_says_so(self, open_mos: OpenMOS) -> None:
        mos = open_mos()
        mos.register_mem_cube(OwnCube(None))
        with pytest.raises(InvalidRequest, match="text_mem"):
            mos.add(memory_content="x", mem_cube_id="own")

    def test_it_is_nobody_elses(self, open_mos: OpenMOS, own: OwnCube) -> None:
        mos = open_mos()
        mos.create_user("ben")
        mos.register_mem_cube(own)
        for call in (
            lambda: mos.search("x", user_id="ben", mem_cube_ids=["own"]),
            lambda: mos.add(memory_content="x", user_id="ben", mem_cube_id="own"),
            lambda: mos.register_mem_cube(own, user_id="ben"),
        ):
            with pytest.raises(AccessDenied):
                call()
