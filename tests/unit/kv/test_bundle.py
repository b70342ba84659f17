"""A dump's manifest and files: one writer at a time, and readers that meet one."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos.errors import Corrupt, InvalidRequest, Unavailable
from memos.kv.bundle import Bundle, seal, unseal
from memos.kv.hashing import hash_text


def dump(bundle: Bundle, texts: Mapping[str, str]) -> None:
    """The manifest is a line a text; each text is a file."""
    with bundle.writing():
        for text in texts.values():
            bundle.write(hash_text(text), text.encode())
        manifest = "\n".join(map(hash_text, texts.values()))
        bundle.commit(manifest.encode(), set(map(hash_text, texts.values())))


def read(bundle: Bundle, manifest: bytes) -> list[str]:
    return [bundle.read(name).decode() for name in manifest.decode().split()]


def test_a_reader_that_another_dump_overtakes_reads_the_new_one(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, "memory")
    dump(bundle, {"a": "old"})
    seen: list[bytes] = []

    def overtaken(manifest: bytes) -> list[str]:
        seen.append(manifest)
        if len(seen) == 1:
            dump(bundle, {"a": "new"})
        return read(bundle, manifest)

    assert bundle.load(overtaken) == ["new"]
    assert len(seen) == 2


def test_a_file_that_is_gone_for_good_is_damage(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path, "memory")
    dump(bundle, {"a": "text"})
    bundle.path_of(hash_text("text")).unlink()
    with pytest.raises(Corrupt, match=r"memory\.json names .* which is gone"):
        bundle.load(lambda manifest: read(bundle, manifest))


def test_a_writer_waits_for_another_no_longer_than_it_is_told_to(tmp_path: Path) -> None:
    waiting = Bundle(tmp_path, "memory", lock_timeout_s=0.1)
    with (
        Bundle(tmp_path, "memory").writing(),
        pytest.raises(Unavailable, match=r"another process has been dumping into .* for 0\.1 s"),
        waiting.writing(),
    ):
        pass


def test_many_writers_and_readers_at_once_leave_one_whole_dump(tmp_path: Path) -> None:
    dump(Bundle(tmp_path, "memory"), {"a": "x"})

    def write_and_read(number: int) -> list[str]:
        dump(Bundle(tmp_path, "memory"), {name: f"{name} {number}" for name in "abc"})
        bundle = Bundle(tmp_path, "memory")
        return bundle.load(lambda manifest: read(bundle, manifest))

    with ThreadPoolExecutor(8) as pool:
        for texts in pool.map(write_and_read, range(40)):
            assert len({text.split()[1] for text in texts}) == 1
            assert len(texts) == 3


def test_only_the_owner_reads_a_dump(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "dump", "memory")
    dump(bundle, {"a": "text"})
    assert bundle.manifest_path.stat().st_mode & 0o077 == 0
    assert bundle.path_of(".").stat().st_mode & 0o077 == 0


def test_what_was_sealed_as_one_thing_is_not_read_as_another() -> None:
    sealed = seal("lora", 1, {"items": []})
    assert unseal(sealed, "lora", 1, where="here") == {"items": []}
    for kind, version in (("kv_cache", 1), ("lora", 2)):
        with pytest.raises(InvalidRequest, match=r"here is of kind 'lora', version 1"):
            unseal(sealed, kind, version, where="here")
