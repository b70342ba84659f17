"""A dump whose process is killed: the one before is whole, or the new one is."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]

# Children dump two and three items in turn until they are killed; after each, the dump is loaded.
_KILLER = textwrap.dedent("""
    import json, os, random, signal, sys, time
    from pathlib import Path
    from memos.configs.activation import KVCacheMemoryConfig
    from memos.memories.activation.kv import KVCacheMemory
    from tests.support.sum_engine import SumEngine

    llm = {"backend": "huggingface", "config": {"model_name_or_path": "smollm2-135m"}}
    config = KVCacheMemoryConfig.model_validate({"extractor_llm": llm})
    directory = Path(sys.argv[1])

    def dump_for_ever():
        few, many = (KVCacheMemory(config, engine=SumEngine()) for _ in range(2))
        few.add([few.extract(f"{number} " * 4000) for number in range(2)])
        many.add([many.extract(f"{number} " * 4000) for number in range(5, 8)])
        while True:
            for memory in (few, many):
                memory.dump(directory)
                os.write(1, b"x")

    counts = []
    for round in range(25):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writer, 1)
            dump_for_ever()
        for _ in range(1 + round % 4):
            os.read(reader, 1)
        time.sleep(random.Random(round).uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
        counts.append(KVCacheMemory(config, engine=SumEngine()).load(directory))
    memory = KVCacheMemory(config, engine=SumEngine())
    memory.dump(directory)
    left = [path.name for path in (directory / "activation_memory").iterdir()]
    print(json.dumps({"counts": counts, "left": left}))
""")


@pytest.mark.timeout(60)
def test_after_a_kill_one_of_the_two_dumps_is_whole_and_the_next_dump_cleans_up(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _KILLER, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert set(seen["counts"]) == {2, 3}
    assert seen["left"] == [".lock"]
