"""A cube's own retention: who may set it, what a pruning makes of it, and how it travels with a directory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import AccessDenied, InvalidConfig, InvalidRequest
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from memos.organize.prune import PruneRules
from memos.organize.retention import Retention
from tests.unit.mem_os.conftest import OpenMOS, on_twins, texts

pytestmark = pytest.mark.models

SAID = ("I drink green tea.", "I own a boat.")


def tell(mos: MOS, user: str | None, cube: str | None = None) -> None:
    for text in SAID:
        mos.add(memory_content=text, user_id=user, mem_cube_id=cube)


def a_directory(directory: Path, **fields: Any) -> Path:
    config = GeneralMemCubeConfig.model_validate({"cube_id": "kept", "text_mem": {"backend": "naive_text"}, **fields})
    GeneralMemCube(config).dump(directory)
    return directory


def test_a_cube_says_what_was_set_last(mos: MOS, ana: str) -> None:
    assert mos.get_retention(ana, user_id=ana) == Retention()
    mos.set_retention(ana, max_age_days=30, below_importance=0.2, keep=100, user_id=ana)
    assert mos.get_retention(ana, user_id=ana) == Retention(max_age_days=30, below_importance=0.2, keep=100)
    mos.set_retention(ana, keep=0, user_id=ana)
    assert mos.get_retention(ana, user_id=ana) == Retention(keep=0)
    mos.set_retention(ana, user_id=ana)
    assert mos.get_retention(ana, user_id=ana) == Retention()


def test_who_shares_a_cube_reads_its_retention_and_only_owner_and_overseers_set_it(mos: MOS, ana: str) -> None:
    ben, admin = mos.create_user(f"{ana}-ben"), mos.create_user(f"{ana}-admin", role="admin")
    mos.share_cube_with_user(ana, ben, user_id=ana)
    with pytest.raises(AccessDenied, match="not manage"):
        mos.set_retention(ana, keep=1, user_id=ben)
    assert mos.get_retention(ana, user_id=ben) == Retention()
    for keep, user in enumerate(("root", admin, ana), start=1):
        mos.set_retention(ana, keep=keep, user_id=user)
        assert mos.get_retention(ana, user_id=ben) == Retention(keep=keep)


@pytest.mark.parametrize("wrong", [{"keep": -1}, {"keep": 1.5}, {"max_age_days": "30d"}, {"below_importance": 2}])
def test_what_is_no_limit_is_refused_and_changes_nothing(mos: MOS, ana: str, wrong: dict[str, Any]) -> None:
    mos.set_retention(ana, keep=7, user_id=ana)
    (name,) = wrong
    with pytest.raises(InvalidConfig, match=f"field {name}.*got"):
        mos.set_retention(ana, **wrong, user_id=ana)
    assert mos.get_retention(ana, user_id=ana) == Retention(keep=7)


def test_an_object_of_the_applications_own_has_none(mos: MOS, ana: str) -> None:
    config = GeneralMemCubeConfig.model_validate({"cube_id": f"{ana}-own", "text_mem": {"backend": "naive_text"}})
    own = mos.register_mem_cube(GeneralMemCube(config), user_id=ana)
    with pytest.raises(InvalidRequest, match="object of the application's own"):
        mos.set_retention(own, keep=1, user_id=ana)
    mos.unregister_mem_cube(own, user_id=ana)


def test_a_pruning_without_rules_goes_by_the_cubes_retention(mos: MOS, ana: str) -> None:
    tell(mos, ana)
    mos.set_retention(ana, keep=1, user_id=ana)
    planned = mos.prune(dry_run=True, user_id=ana)
    assert (planned.rules, planned.planned, planned.pruned) == (PruneRules(keep=1), 1, 0)
    assert mos.prune(user_id=ana).pruned == 1
    assert len(texts(mos.get_all(user_id=ana))) == 1


def test_rules_of_the_call_hold_alone_and_a_deletion_needs_them(mos: MOS, ana: str) -> None:
    tell(mos, ana)
    mos.set_retention(ana, keep=1, user_id=ana)
    assert mos.prune(older_than_days=1, user_id=ana).rules == PruneRules(max_age_days=1)
    with pytest.raises(InvalidRequest, match="a retention deletes nothing"):
        mos.prune(delete=True, user_id=ana)
    assert len(texts(mos.get_all(user_id=ana))) == 2


def test_the_settings_hold_where_the_cube_says_nothing(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos(on_twins(tmp_path, retention_memories=1))
    tell(mos, None)
    assert mos.prune(dry_run=True).planned == 1
    mos.set_retention("notes", keep=0)
    with pytest.raises(InvalidRequest, match="no retention holds"):
        mos.prune(dry_run=True)


def empty_directly(mos: MOS, cube: str) -> None:
    text = mos.mem_cubes[cube].text_mem
    assert text is not None
    text.delete_all()


@pytest.mark.parametrize("empty", [MOS.delete_all, empty_directly])
def test_a_cube_that_is_emptied_keeps_it(mos: MOS, ana: str, empty: Callable[[MOS, str], object]) -> None:
    mos.register_mem_cube(ana)
    tell(mos, ana)
    mos.set_retention(ana, keep=3)
    empty(mos, ana)
    assert texts(mos.get_all(user_id=ana)) == []
    assert mos.get_retention(ana) == Retention(keep=3)


def test_a_cube_that_is_made_again_under_another_name_keeps_it(mos: MOS, ana: str) -> None:
    mos.set_retention(ana, keep=3, user_id=ana)
    mos.create_cube_for_user("Another name", owner_id=ana, cube_id=ana)
    assert mos.get_retention(ana, user_id=ana) == Retention(keep=3)


def test_a_new_cube_has_the_retention_of_its_directory(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos()
    directory = a_directory(tmp_path / "in", retention={"max_age_days": 30})
    mos.register_mem_cube(directory)
    assert mos.get_retention("kept") == Retention(max_age_days=30)
    mos.set_retention("kept", keep=9)
    mos.register_mem_cube(directory)
    assert mos.get_retention("kept") == Retention(keep=9)


def test_a_retention_that_was_taken_back_is_not_given_again(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos()
    directory = a_directory(tmp_path / "in", retention={"max_age_days": 30})
    mos.register_mem_cube(directory)
    mos.set_retention("kept")
    mos.register_mem_cube(directory)
    assert mos.get_retention("kept") == Retention()


@pytest.mark.parametrize(("user", "said"), [("ana", Retention(keep=9)), ("ben", Retention())])
def test_a_registration_that_was_cut_short_is_completed_by_the_owners_next(
    open_mos: OpenMOS, tmp_path: Path, user: str, said: Retention
) -> None:
    directory = a_directory(tmp_path / "in", retention={"keep": 9})
    before = open_mos()
    before.register_mem_cube(directory)
    before.create_user("ben")
    before.share_cube_with_user("kept", "ben")
    mos = open_mos()  # knows the cube, and has another graph, in which nothing was written
    mos.register_mem_cube(directory, mem_cube_id="kept", user_id=user)
    assert mos.get_retention("kept") == said


def test_a_cube_that_there_was_is_told_nothing_by_a_directory(open_mos: OpenMOS, tmp_path: Path) -> None:
    mos = open_mos()
    mos.register_mem_cube(a_directory(tmp_path / "in", retention={"keep": 1}), mem_cube_id="notes")
    assert mos.get_retention("notes") == Retention()


@pytest.mark.parametrize("retention", [None, {}])
def test_a_directory_that_says_nothing_leaves_it_to_the_settings(
    open_mos: OpenMOS, tmp_path: Path, retention: dict[str, Any] | None
) -> None:
    mos = open_mos()
    mos.register_mem_cube(a_directory(tmp_path / "in", retention=retention))
    assert mos.get_retention("kept") == Retention()


@pytest.mark.parametrize("registered", [True, False])
def test_a_dump_has_the_retention_that_the_cube_has_by_then(
    open_mos: OpenMOS, tmp_path: Path, registered: bool
) -> None:
    mos = open_mos()
    mos.register_mem_cube(a_directory(tmp_path / "in", retention={"max_age_days": 30}))
    if not registered:
        mos.unregister_mem_cube("kept")
    for number, limits in enumerate(({"keep": 9}, {})):
        mos.set_retention("kept", **limits)
        mos.dump(tmp_path / f"out{number}", mem_cube_id="kept")
        told = json.loads((tmp_path / f"out{number}" / "config.json").read_text())["retention"]
        assert {name: limit for name, limit in (told or {}).items() if limit is not None} == limits
