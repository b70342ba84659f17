"""A cube whose dump is killed at any step is the old one or the new one, never a mix."""

import subprocess
import sys
from pathlib import Path

from memos.mem_cube.general import GeneralMemCube
from memos.settings import Settings

ROOT = Path(__file__).parents[3]
# For each step of a dump a child that is killed right before it: every call that changes the file system raises one of
# these audit events. Prints how many steps there were.
KILLER = """
import os, shutil, signal, sys
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.mem_cube.general import GeneralMemCube

EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp"}
old, new = (
    GeneralMemCube(GeneralMemCubeConfig(user_id=user, cube_id="cube", text_mem={"backend": "naive_text"}))
    for user in ("old", "new")
)
old.add("the old memory")
new.add(["the new memory", "another new memory"])

def dump_and_die(directory, step):
    count = 0
    def kill_at_step(event, arguments):
        nonlocal count
        if event in EVENTS:
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(kill_at_step)
    new.dump(directory)
    os._exit(0)

old.dump(f"{sys.argv[1]}/old")
step = 0
status = None
while status is None or not os.WIFEXITED(status):
    step += 1
    directory = f"{sys.argv[1]}/{step}/cube"
    shutil.copytree(f"{sys.argv[1]}/old", directory)
    child = os.fork()
    if child == 0:
        dump_and_die(directory, step)
    _, status = os.waitpid(child, 0)
print(step)
"""


def test_a_dump_killed_at_any_step_leaves_the_old_cube_or_the_new_one(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path / "cubes")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    steps = int(ran.stdout)
    assert steps > 50
    seen = [read(tmp_path / "cubes" / str(step) / "cube") for step in range(1, steps + 1)]
    whole = {"old": ["the old memory"], "new": ["another new memory", "the new memory"]}
    assert all(texts == whole[user] for user, texts in seen)
    users = [user for user, _ in seen]
    assert users == sorted(users, reverse=True)
    assert set(users[:-1]) == {"old", "new"}


def read(directory: Path) -> tuple[str, list[str]]:
    cube = GeneralMemCube.init_from_dir(directory, settings=Settings(data_dir=directory.parent / "settings"))
    return cube.user_id, sorted(item.memory for item in cube.get_all()["text_mem"])
