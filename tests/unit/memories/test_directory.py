"""A directory is replaced as one, whatever kills its writer, and everything that is read from it is checked."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from memos.errors import Corrupt, InvalidRequest, NotFound, Unavailable
from memos.memories.directory import reading, recover, replacing
from memos.memories.manifest import load_manifest, read_listed, verify

ROOT = Path(__file__).parents[3]
# Forks a child for each step of a dump, and kills it right before the step: every call that changes the file system
# raises one of these audit events. Prints how many steps there were.
KILLER = """
import os, signal, sys
from memos.memories.directory import replacing

EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp"}
parent = sys.argv[1]

def write(target, generation):
    with replacing(target) as fresh:
        for name in ("a", "b/c"):
            (fresh / name).parent.mkdir(exist_ok=True)
            (fresh / name).write_text(generation)

def work(target, step):
    count = 0
    def kill_at_step(event, arguments):
        nonlocal count
        if event in EVENTS:
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(kill_at_step)
    write(target, "new")
    os._exit(0)

step = 0
while True:
    step += 1
    target = f"{parent}/{step}/cube"
    os.makedirs(f"{parent}/{step}")
    write(target, "old")
    child = os.fork()
    if child == 0:
        work(target, step)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        break
print(step)
"""


def write(target: Path, **contents: str) -> None:
    with replacing(target) as fresh:
        for name, text in contents.items():
            (fresh / name).write_text(text)


def names_of(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_writer_killed_at_any_step_leaves_the_old_dump_or_the_new_one_whole(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    steps = int(ran.stdout)
    assert steps > 30
    found: list[str] = []
    for step in range(1, steps + 1):
        with reading(tmp_path / str(step) / "cube") as directory:
            verify(directory)
            texts = {(directory / name).read_text() for name in ("a", "b/c")}
        assert len(texts) == 1, f"a mix after step {step}"
        found += texts
    switched = found.index("new")
    assert found == ["old"] * switched + ["new"] * (steps - switched)
    assert 0 < switched < steps - 1


def test_the_dump_after_a_killed_one_removes_what_it_left(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    (tmp_path / ".cube.dead.memos-tmp" / "new" / "cube").mkdir(parents=True)
    (tmp_path / "cube").rename(tmp_path / ".cube.memos-old")
    write(tmp_path / "cube", a="2")
    assert names_of(tmp_path) == ["cube"]
    assert (tmp_path / "cube" / "a").read_text() == "2"


def test_recover_puts_back_what_a_killed_writer_had_moved_away(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    (tmp_path / "cube").rename(tmp_path / ".cube.memos-old")
    recover(tmp_path / "cube")
    assert (tmp_path / "cube" / "a").read_text() == "1"
    recover(tmp_path / "no" / "such" / "parent")


def test_a_dump_that_is_being_written_is_not_taken_for_a_dead_one(tmp_path: Path) -> None:
    with replacing(tmp_path / "cube") as slow:
        (slow / "a").write_text("slow")
        write(tmp_path / "cube", a="fast")
    assert (tmp_path / "cube" / "a").read_text() == "slow"
    assert names_of(tmp_path) == ["cube"]


def test_a_writer_that_fails_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "cube") as fresh:
        (fresh / "a").write_bytes((fresh / "not there").read_bytes())
    assert (tmp_path / "cube" / "a").read_text() == "1"
    assert names_of(tmp_path) == ["cube"]


def test_a_dump_inside_a_dump_is_part_of_it(tmp_path: Path) -> None:
    with replacing(tmp_path / "cube") as fresh:
        write(fresh, a="1")
        write(fresh / "inner", b="2")
    manifest = verify(tmp_path / "cube")
    assert sorted(manifest.files) == ["a", "inner/b", "inner/manifest.json"]


def test_who_replaces_waits_for_who_reads(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    writer = threading.Thread(target=write, args=(tmp_path / "cube",), kwargs={"a": "2"})
    with reading(tmp_path / "cube") as directory, reading(directory):
        writer.start()
        writer.join(0.2)
        assert writer.is_alive()
        assert (directory / "a").read_text() == "1"
    writer.join(10)
    assert (tmp_path / "cube" / "a").read_text() == "2"


def test_many_writers_and_readers_see_only_whole_dumps(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="0", b="0")
    failures: list[BaseException] = []

    def run(work: Callable[[int], None]) -> None:
        try:
            for turn in range(15):
                work(turn)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    def read(_: int) -> None:
        with reading(tmp_path / "cube") as directory:
            verify(directory)
            assert (directory / "a").read_text() == (directory / "b").read_text()

    def rewrite(turn: int) -> None:
        write(tmp_path / "cube", a=str(turn), b=str(turn))

    threads = [threading.Thread(target=run, args=(work,)) for work in (read, read, rewrite, rewrite)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names_of(tmp_path) == ["cube"]


def test_a_directory_with_somebody_elses_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidRequest, match=r"thesis\.txt, which belongs to no dump"):
        write(tmp_path, a="1")
    assert names_of(tmp_path) == ["thesis.txt"]


def test_a_dump_to_which_somebody_added_a_file_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    (tmp_path / "cube" / ".git").mkdir()
    (tmp_path / "cube" / ".git" / "HEAD").write_text("ref")
    with pytest.raises(InvalidRequest, match=r"\.git/HEAD"):
        write(tmp_path / "cube", a="2")
    assert (tmp_path / "cube" / "a").read_text() == "1"


def test_a_dump_of_more_than_may_be_replaced_stays(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1", b="1")
    with pytest.raises(InvalidRequest, match="dump the cube"), replacing(tmp_path / "cube", may_hold={"a"}):
        pass
    with replacing(tmp_path / "cube", may_hold={"a", "b"}):
        pass
    assert names_of(tmp_path / "cube") == ["manifest.json"]


def test_an_empty_directory_and_a_cube_of_memos_1_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", a="1")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text('{"config_filename": "config.json"}')
    (tmp_path / "old" / "textual_memory.json").write_text("[]")
    write(tmp_path / "old", a="1")
    assert names_of(tmp_path / "old") == ["a", "manifest.json"]


def test_a_configuration_alone_does_not_make_a_cube_of_memos_1(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"cube_id": "by hand"}')
    with pytest.raises(InvalidRequest, match=r"config\.json"):
        write(tmp_path, a="1")


def test_a_file_is_no_directory_for_a_dump(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidRequest, match="is a file"):
        write(tmp_path / "file", a="1")
    with pytest.raises(InvalidRequest, match="is a file"), reading(tmp_path / "file"):
        pass
    with pytest.raises(InvalidRequest, match="cannot be a dump's directory"):
        recover("/")


def test_a_disk_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unavailable, match="disk"):
        write(tmp_path / "file" / "cube", a="1")


def test_what_a_link_points_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    (tmp_path / "link").symlink_to("cube")
    write(tmp_path / "link", a="2")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "cube" / "a").read_text() == "2"


def test_reading_what_is_not_there_raises_not_found(tmp_path: Path) -> None:
    for missing in (tmp_path / "cube", tmp_path / "no" / "cube"):
        with pytest.raises(NotFound, match="there is no directory"), reading(missing):
            pass


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed byte": (lambda cube: (cube / "a").write_text("2"), "SHA-256"),
    "a lost tail": (lambda cube: (cube / "a").write_text(""), "0 bytes instead of 1"),
    "a lost file": (lambda cube: (cube / "a").unlink(), "gone"),
    "a directory for a file": (lambda cube: ((cube / "a").unlink(), (cube / "a").mkdir()), "gone"),
    "no json": (lambda cube: (cube / "manifest.json").write_text("{"), "damaged"),
    "another format": (lambda cube: spoil(cube, files=[]), "damaged"),
    "a path outside": (lambda cube: spoil(cube, files={"../a": {"sha256": "0" * 64, "size_bytes": 1}}), "leaves"),
    "an absolute path": (lambda cube: spoil(cube, files={"/a": {"sha256": "0" * 64, "size_bytes": 1}}), "leaves"),
}


def spoil(cube: Path, **changes: object) -> None:
    path = cube / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(("damage", "told"), SPOILT.values(), ids=SPOILT)
def test_damage_is_noticed(tmp_path: Path, damage: Callable[[Path], object], told: str) -> None:
    write(tmp_path / "cube", a="1")
    damage(tmp_path / "cube")
    with pytest.raises(Corrupt, match=told):
        verify(tmp_path / "cube")


def test_a_single_file_is_checked_when_it_is_read(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    manifest = load_manifest(tmp_path / "cube")
    assert manifest is not None
    assert read_listed(tmp_path / "cube", manifest, "a") == b"1"
    with pytest.raises(NotFound, match="has no b"):
        read_listed(tmp_path / "cube", manifest, "b")
    (tmp_path / "cube" / "a").write_text("2")
    with pytest.raises(Corrupt, match="SHA-256"):
        read_listed(tmp_path / "cube", manifest, "a")
    (tmp_path / "cube" / "a").unlink()
    with pytest.raises(Corrupt, match="gone"):
        read_listed(tmp_path / "cube", manifest, "a")


@pytest.mark.parametrize("change", [{"version": 2}, {"format": "zip"}])
def test_a_later_version_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path / "cube", a="1")
    spoil(tmp_path / "cube", **change)
    with pytest.raises(InvalidRequest, match="use a newer release"):
        verify(tmp_path / "cube")


@pytest.mark.parametrize("name", ["x.pickle", "X.PKL", "model.bin", "weights.pt", "weights.pth"])
def test_a_pickle_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    write(tmp_path / "cube", a="1")
    (tmp_path / "cube" / name).write_bytes(b"\x80\x04.")
    with pytest.raises(InvalidRequest, match="a pickle can run code when it is read"):
        load_manifest(tmp_path / "cube")
    with pytest.raises(InvalidRequest, match="a pickle can run code when it is read"):
        write(tmp_path / "other", **{name: "x"})


def test_a_link_inside_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "cube", a="1")
    (tmp_path / "cube" / "etc").symlink_to("/etc")
    with pytest.raises(InvalidRequest, match="is a link"):
        load_manifest(tmp_path / "cube")


def test_a_directory_without_a_manifest_is_no_dump(tmp_path: Path) -> None:
    assert load_manifest(tmp_path) is None
    with pytest.raises(NotFound, match="no dump"):
        verify(tmp_path)


def test_what_locks_and_file_managers_leave_is_neither_listed_nor_in_the_way(tmp_path: Path) -> None:
    write(tmp_path / "cube", **{"a": "1", ".lock": ""})
    assert list(verify(tmp_path / "cube").files) == ["a"]
    (tmp_path / "cube" / ".DS_Store").write_text("x")
    write(tmp_path / "cube", a="2")
    assert names_of(tmp_path / "cube") == ["a", "manifest.json"]
