"""Documents through MOS: below the root alone, found with their place, and the same bytes once."""

from pathlib import Path

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import AccessDenied, InvalidConfig, InvalidRequest
from memos.mem_os.main import MOS
from memos.types import MemoryType
from tests.unit.documents.making import make_docx, make_pdf, make_pptx, put
from tests.unit.mem_os.conftest import on_twins, texts

pytestmark = pytest.mark.models


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory whose documents may be read."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "garden.md").write_text("# Tomatoes\n\nTomatoes want sun. Water them in the morning.\n")
    (tmp_path / "docs" / "boats.txt").write_text("A dinghy has one sail. A ketch has two masts.\n")
    (tmp_path / "secret.txt").write_text("The code of the safe is 1234.\n")
    return tmp_path / "docs"


@pytest.fixture
def mos(root: Path, tmp_path: Path) -> MOS:
    """An object that may read ``root``, with a cube of its user's."""
    one = MOS(MOSConfig(user_id="ana"), settings=on_twins(tmp_path / "data", documents_root=root))
    one.create_cube_for_user("notes", owner_id="ana")
    return one


def test_a_document_is_found_and_names_its_place(mos: MOS) -> None:
    added = mos.add(doc_path="garden.md")
    assert added.memory_ids
    assert added.job_id in added.job_ids
    item = mos.search("When should I water tomatoes?", top_k=1)["text_mem"][0]["memories"][0]
    assert "Water them in the morning." in item.memory
    assert item.metadata.memory_type is MemoryType.OUTER
    assert item.metadata.session_id == "documents"
    assert item.sources[0].speaker.startswith("garden.md#char=")


def test_a_directory_is_all_of_its_documents_and_again_is_no_more(mos: MOS, root: Path) -> None:
    mos.add(doc_path=root)
    before = texts(mos.get_all())
    assert any("ketch" in text for text in before)
    assert any("Tomatoes" in text for text in before)
    mos.add(doc_path="boats.txt")
    assert texts(mos.get_all()) == before


def test_a_document_of_every_type_is_found(mos: MOS, root: Path) -> None:
    put(root, "all/a.pdf", make_pdf("The invoice is due on Monday."))
    put(root, "all/a.docx", make_docx())
    put(root, "all/a.pptx", make_pptx())
    put(root, "all/a.html", "<h1>Foxes</h1><p>Foxes sleep in dens.</p><script>run()</script>")
    put(root, "all/a.json", '{"hobby": "chess", "wins": 7}')
    put(root, "all/a.txt", "Oaks grow slowly.")
    put(root, "all/a.md", "# Rain\n\nIt rains in autumn.")
    assert len(mos.add(doc_path="all").memory_ids) == 7
    known = "\n".join(texts(mos.get_all()))
    for told in ("due on Monday", "thirty days", "ship in May", "in dens", "chess", "Oaks", "in autumn"):
        assert told in known
    assert "run()" not in known


def test_a_named_session_holds_the_chunks(mos: MOS) -> None:
    mos.add(doc_path="boats.txt", session_id="reading")
    nodes = mos.get_all()["text_mem"][0]["memories"]["nodes"]
    assert {node.metadata.session_id for node in nodes} == {"reading"}


def test_nothing_outside_the_root_is_read(mos: MOS, root: Path) -> None:
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    for path in ("../secret.txt", root.parent / "secret.txt", "link.txt", "/etc/passwd"):
        with pytest.raises(AccessDenied):
            mos.add(doc_path=path)
    assert texts(mos.get_all()) == []


def test_without_a_root_there_are_no_documents(tmp_path: Path, root: Path) -> None:
    with MOS(MOSConfig(user_id="ana"), settings=on_twins(tmp_path / "data")) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        with pytest.raises(InvalidConfig, match="documents_root"):
            mos.add(doc_path=root / "boats.txt")


def test_one_source_at_a_time_and_no_key_for_a_document(mos: MOS) -> None:
    with pytest.raises(InvalidRequest, match="one of messages, memory_content and doc_path"):
        mos.add(memory_content="x", doc_path="boats.txt")
    with pytest.raises(InvalidRequest, match="idempotency_key"):
        mos.add(doc_path="boats.txt", idempotency_key="k")


def test_a_stranger_to_the_cube_may_not_add_to_it(mos: MOS) -> None:
    mos.create_user("ben")
    with pytest.raises(AccessDenied):
        mos.add(doc_path="boats.txt", user_id="ben", mem_cube_id="notes")
