"""Dated messages in, memories with their sources out, and an answer that starts from a stored KV state.

python examples/quickstart.py
"""

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS

MONDAY, JUNE = "2025-03-10T09:30:00+00:00", "2025-06-02T18:00:00+00:00"
SAID = [
    {"role": "user", "name": "Ana", "chat_time": MONDAY, "content": "I moved to Lisbon last week."},
    {"role": "user", "name": "Ana", "chat_time": MONDAY, "content": "My sister Dora plays the cello."},
    {"role": "user", "name": "Ana", "chat_time": JUNE, "content": "I am allergic to peanuts."},
]


def main() -> None:
    """Remember, find, chat."""
    with MOS(MOSConfig(user_id="ana", enable_activation_memory=True)) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        # With this key a second run of the script adds nothing.
        mos.add(SAID, session_id="spring", idempotency_key="quickstart")
        show_memories(mos, "What can Ana not eat?")
        show_answer(mos, "Where did I move?")


def show_memories(mos: MOS, question: str) -> None:
    """The best memory of each cube, and the words that it rests on."""
    print(question)
    for shelf in mos.search(question, top_k=1)["text_mem"]:
        for item in shelf["memories"]:
            source = item.sources[0]
            print(f"  {item.memory}  <- {source.speaker}, {source.chat_time:%d %B %Y}: {source.content!r}")


def show_answer(mos: MOS, question: str) -> None:
    """The answer as it is produced, and what it cost."""
    print(question)
    stream = mos.chat_stream(question, remember=False)
    for piece in stream:
        print(piece, end="", flush=True)
    report = stream.report
    if report is not None:
        print(f"\n  {report.cached_tokens} of {report.prompt_tokens} prompt tokens came from the stored KV state")


if __name__ == "__main__":
    main()
