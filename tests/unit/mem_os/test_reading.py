"""What a cube wants of its facts: who may say it, that it is kept, and how it travels with a directory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.reading import ReadingConfig
from memos.errors import AccessDenied, InvalidConfig, InvalidRequest
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from tests.unit.mem_os.conftest import OpenMOS, texts

pytestmark = pytest.mark.models

PAINS, TRIPS = ReadingConfig(instructions="Remember pains."), ReadingConfig(instructions="Remember trips.")
SECTION = {"instructions": "Remember pains."}


class Visit(BaseModel):
    patient: str
    pain: int | None = None


def a_directory(directory: Path, **fields: Any) -> Path:
    config = GeneralMemCubeConfig.model_validate({"cube_id": "kept", "text_mem": {"backend": "naive_text"}, **fields})
    GeneralMemCube(config).dump(directory)
    return directory


@pytest.mark.parametrize("schema", [Visit, Visit.model_json_schema()])
def test_a_cube_says_what_was_set_last(mos: MOS, ana: str, schema: Any) -> None:
    assert mos.get_reading(ana, user_id=ana) == ReadingConfig()
    mos.set_reading(ana, instructions="Remember pains.", categories=["health"], fact_schema=schema, user_id=ana)
    said = mos.get_reading(ana, user_id=ana)
    assert (said.instructions, said.categories) == ("Remember pains.", ("health",))
    assert said.fact_schema is not None
    assert said.fact_schema.required == ("patient",)
    mos.set_reading(ana, categories=[], user_id=ana)
    assert mos.get_reading(ana, user_id=ana) == ReadingConfig(categories=())
    mos.set_reading(ana, user_id=ana)
    assert mos.get_reading(ana, user_id=ana) == ReadingConfig()


def test_who_shares_a_cube_reads_it_and_only_owner_and_overseers_set_it(mos: MOS, ana: str) -> None:
    ben, admin = mos.create_user(f"{ana}-ben"), mos.create_user(f"{ana}-admin", role="admin")
    mos.share_cube_with_user(ana, ben, user_id=ana)
    with pytest.raises(AccessDenied, match="not manage"):
        mos.set_reading(ana, instructions="Remember nothing.", user_id=ben)
    assert mos.get_reading(ana, user_id=ben) == ReadingConfig()
    for user in ("root", admin, ana):
        mos.set_reading(ana, instructions=f"As {user} says.", user_id=user)
        assert mos.get_reading(ana, user_id=ben).instructions == f"As {user} says."


@pytest.mark.parametrize(
    "wrong", [{"instructions": "x" * 4001}, {"categories": ["a", "A"]}, {"fact_schema": {"properties": {}}}]
)
def test_what_no_reader_could_be_told_is_refused_and_changes_nothing(mos: MOS, ana: str, wrong: dict[str, Any]) -> None:
    mos.set_reading(ana, instructions="Remember pains.", user_id=ana)
    with pytest.raises(InvalidConfig):
        mos.set_reading(ana, **wrong, user_id=ana)
    assert mos.get_reading(ana, user_id=ana) == PAINS


def test_an_object_of_the_applications_own_has_none(mos: MOS, ana: str) -> None:
    config = GeneralMemCubeConfig.model_validate({"cube_id": f"{ana}-own", "text_mem": {"backend": "naive_text"}})
    own = mos.register_mem_cube(GeneralMemCube(config), user_id=ana)
    with pytest.raises(InvalidRequest, match="object of the application's own"):
        mos.set_reading(own, instructions="Remember pains.", user_id=ana)
    mos.unregister_mem_cube(own, user_id=ana)


def empty_directly(mos: MOS, cube: str) -> None:
    text = mos.mem_cubes[cube].text_mem
    assert text is not None
    text.delete_all()


@pytest.mark.parametrize("empty", [MOS.delete_all, empty_directly])
def test_a_cube_that_is_emptied_keeps_it(mos: MOS, ana: str, empty: Callable[[MOS, str], object]) -> None:
    mos.register_mem_cube(ana)
    mos.add(memory_content="I drink green tea.", user_id=ana)
    mos.set_reading(ana, instructions="Remember pains.")
    empty(mos, ana)
    assert texts(mos.get_all(user_id=ana)) == []
    assert mos.get_reading(ana) == PAINS


@pytest.mark.parametrize(("later", "said"), [({"instructions": "Remember trips."}, TRIPS), ({}, ReadingConfig())])
def test_a_new_cube_has_the_reading_of_its_directory_until_it_says_otherwise(
    open_mos: OpenMOS, tmp_path: Path, later: dict[str, Any], said: ReadingConfig
) -> None:
    mos = open_mos()
    directory = a_directory(tmp_path / "in", reading=SECTION)
    mos.register_mem_cube(directory)
    assert mos.get_reading("kept") == PAINS
    mos.set_reading("kept", **later)
    mos.register_mem_cube(directory)
    assert mos.get_reading("kept") == said


def test_a_retention_that_was_set_does_not_keep_the_reading_away(open_mos: OpenMOS, tmp_path: Path) -> None:
    directory = a_directory(tmp_path / "in", reading=SECTION, retention={"keep": 9})
    open_mos().register_mem_cube(directory)
    mos = open_mos()  # knows the cube, and has another graph, in which nothing was written
    mos.set_retention("kept", keep=3)
    mos.register_mem_cube(directory)
    assert (mos.get_reading("kept"), mos.get_retention("kept").keep) == (PAINS, 3)


def test_a_cube_that_there_was_is_told_nothing_by_a_directory(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos()
    mos.register_mem_cube(a_directory(tmp_path / "in", reading=SECTION), mem_cube_id="notes")
    assert mos.get_reading("notes") == ReadingConfig()


def test_a_dump_has_what_the_cube_wants_by_then_and_another_installation_takes_it(
    open_mos: OpenMOS, tmp_path: Path
) -> None:
    mos = open_mos()
    mos.register_mem_cube(a_directory(tmp_path / "in", reading=SECTION))
    mos.set_reading("kept", categories=["health"], fact_schema=Visit)
    mos.dump(tmp_path / "out", mem_cube_id="kept")
    told = json.loads((tmp_path / "out" / "config.json").read_text())["reading"]
    assert (told["instructions"], told["categories"]) == (None, ["health"])
    mos.register_mem_cube(tmp_path / "out", mem_cube_id="elsewhere")
    assert mos.get_reading("elsewhere") == mos.get_reading("kept")


def test_a_cube_that_never_said_anything_is_dumped_without(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos()
    mos.dump(tmp_path / "out")
    assert not {"reading", "retention"} & json.loads((tmp_path / "out" / "config.json").read_text()).keys()
