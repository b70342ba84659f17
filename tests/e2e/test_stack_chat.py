"""From add to a remembering chat on the whole stack."""

import pytest

from memos.mem_os.main import MOS
from memos.types import JobState
from tests.conftest import Eventually
from tests.e2e.conftest import OpenMOS

pytestmark = [pytest.mark.servers, pytest.mark.models]

FACTS = [
    "I moved to Lisbon in March and rent a flat near the river.",
    "My sister Dora plays the cello in an orchestra in Vienna.",
    "I am allergic to peanuts, so I read every label.",
    "I work as a translator for a small publishing house.",
]


def started(mos: MOS) -> None:
    mos.create_cube_for_user("notes", owner_id="ana")
    jobs = [mos.add(memory_content=text).job_id for text in FACTS]
    assert {added.state for added in mos.wait(jobs, timeout_s=60)} == {JobState.SUCCEEDED}


def test_chat_uses_the_artefact_that_a_worker_built_and_says_the_same(
    open_mos: OpenMOS, eventually: Eventually
) -> None:
    mos = open_mos(enable_activation_memory=True)
    started(mos)
    eventually(lambda: mos.get_all()["act_mem"][0]["memories"], within_s=90)
    plain = mos.chat_stream("What am I allergic to?", use_artefact=False, remember=False)
    plain_text = "".join(plain)
    cached = mos.chat_stream("What am I allergic to?", remember=False)
    cached_text = "".join(cached)
    assert plain.report is not None
    assert cached.report is not None
    assert plain.report.cached_tokens == 0
    assert cached.report.cached_tokens > 50
    assert cached.report.tier == "disk"
    assert cached_text == plain_text


def test_a_turn_is_remembered(open_mos: OpenMOS, eventually: Eventually) -> None:
    brief = {"model_name_or_path": "smollm2-135m", "temperature": 0, "max_tokens": 8}
    mos = open_mos(chat_model={"backend": "huggingface", "config": brief})
    started(mos)
    mos.chat("My dog is called Biscuit and he is three years old.", session_id="evening")
    eventually(lambda: "Biscuit" in str(mos.search("What is the name of the dog?", top_k=3)), within_s=30)


def test_deleting_a_memory_removes_it_from_search_and_from_every_artefact(
    open_mos: OpenMOS, eventually: Eventually
) -> None:
    mos = open_mos(enable_activation_memory=True)
    started(mos)
    eventually(lambda: mos.get_all()["act_mem"][0]["memories"], within_s=90)
    (item,) = [item for item in mos.search("allergic")["text_mem"][0]["memories"] if "peanuts" in item.memory]
    mos.delete("notes", item.id)
    assert "peanuts" not in str(mos.search("allergic to peanuts", top_k=50))
    shelf = mos.get_all()["act_mem"][0]["memories"]
    assert item.id not in [memory for artefact in shelf for memory in artefact["metadata"]["memory_ids"]]
