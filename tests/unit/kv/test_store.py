import json
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.kv.lookup import Found, Miss
from memos.kv.manifest import ModelFingerprint
from memos.kv.store import ArtefactStore, NewArtefact

TENANT, CUBE = TenantId("tenant"), CubeId("cube")
PROMPT = [*range(40), 7, 7, 7]
Make = Callable[..., NewArtefact]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "kv"


@pytest.fixture
def store(root: Path) -> ArtefactStore:
    return ArtefactStore(root)


def find(store: ArtefactStore, model: ModelFingerprint, prompt: list[int] = PROMPT, **where: Any) -> Found | Miss:
    return store.find_longest(where.get("tenant", TENANT), where.get("cube", CUBE), model, prompt)


def reason(result: Found | Miss) -> str:
    assert isinstance(result, Miss)
    return result.reason


def only(root: Path, pattern: str) -> Path:
    (path,) = root.rglob(pattern)
    return path


def test_a_saved_state_is_found_bit_for_bit_from_ram_and_from_disk(
    root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    artefact = make_artefact()
    store.save(TENANT, CUBE, artefact)
    for tier, where in (("ram", store), ("disk", ArtefactStore(root))):
        found = find(where, fingerprint)
        assert isinstance(found, Found)
        assert found.tier == tier
        assert found.state.token_ids == tuple(range(40))
        assert all(map(torch.equal, found.state.keys, artefact.state.keys))
        assert all(map(torch.equal, found.state.values, artefact.state.values))


def test_a_state_loaded_once_is_in_ram_the_second_time(
    root: Path, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    ArtefactStore(root).save(TENANT, CUBE, make_artefact())
    fresh = ArtefactStore(root)
    tiers = [found.tier for found in (find(fresh, fingerprint), find(fresh, fingerprint)) if isinstance(found, Found)]
    assert tiers == ["disk", "ram"]


def test_only_the_tokens_that_the_prompt_shares_are_given(
    store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    found = find(store, fingerprint, [*range(30), 999, *range(31, 60)])
    assert isinstance(found, Found)
    assert found.state.token_ids == tuple(range(30))
    assert {tensor.shape[1] for tensor in (*found.state.keys, *found.state.values)} == {30}


def test_the_longest_shared_prefix_wins(
    store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact(range(20), system="a"))
    store.save(TENANT, CUBE, make_artefact(range(35), system="b"))
    store.save(TENANT, CUBE, make_artefact([*range(25), 1, 2, 3], system="c"))
    found = find(store, fingerprint)
    assert isinstance(found, Found)
    assert found.state.token_count == 35


def test_a_prompt_that_shares_too_little_misses_and_says_how_much(
    store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    assert "only 3 leading tokens" in reason(find(store, fingerprint, [0, 1, 2, 9, 9]))
    assert "no artefact is stored" in reason(find(store, fingerprint, cube=CubeId("empty")))


@pytest.mark.parametrize("same", ["tenant", "cube", "neither"])
def test_nobody_else_finds_an_artefact_although_the_tokens_are_the_same(
    same: str, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    where = (TENANT if same == "tenant" else TenantId("other"), CUBE if same == "cube" else CubeId("other"))
    assert isinstance(store.find_longest(*where, fingerprint, PROMPT), Miss)
    assert store.list_artefacts(*where) == []
    assert store.delete_cube(*where) == 0
    assert store.delete_derived(*where, [MemoryId("m1")]) == 0
    assert isinstance(find(store, fingerprint), Found)


def test_files_copied_from_one_tenant_to_another_are_refused(
    root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    store.save(TenantId("thief"), CUBE, make_artefact(range(100, 140)))
    ours = [path for path in root.rglob("*.json") if json.loads(path.read_text())["tenant"] == TENANT]
    theirs = next(path.parent for path in root.rglob("*.json") if path.parent != ours[0].parent)
    for suffix in (".json", ".safetensors"):
        (theirs / ours[0].name).with_suffix(suffix).write_bytes(ours[0].with_suffix(suffix).read_bytes())
    assert isinstance(find(ArtefactStore(root), fingerprint, tenant=TenantId("thief")), Miss)


FINGERPRINT_CHANGES: dict[str, Any] = {
    "model_id": "other",
    "weights_hash": "other",
    "tokenizer_hash": "other",
    "chat_template_hash": "other",
    "config_hash": "other",
    "dtype": "bfloat16",
    "layer_types": ["full_attention", "sliding_attention"],
    "layers": 1,
    "kv_heads": 2,
    "head_dim": 4,
    "rope": '{"rope_theta":1}',
}
MANIFEST_CHANGES: dict[str, Any] = {
    "format_version": 2,
    "artefact_id": "0" * 32,
    "tenant": "other",
    "cube": "other",
    "token_ids_hash": "other",
    "token_count": 39,
    "size_bytes": 5,
    "checksum": "crc32:00000000",
}


def test_every_field_of_a_fingerprint_is_tried_below() -> None:
    assert FINGERPRINT_CHANGES.keys() == ModelFingerprint.model_fields.keys()


@pytest.mark.parametrize("field", FINGERPRINT_CHANGES)
def test_an_artefact_of_another_model_is_not_used_and_the_reason_names_the_field(
    field: str, root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    manifest = only(root, "*.json")
    values = json.loads(manifest.read_text())
    values["fingerprint"][field] = FINGERPRINT_CHANGES[field]
    manifest.write_text(json.dumps(values))
    assert field in reason(find(ArtefactStore(root), fingerprint))
    assert manifest.exists()  # it may well be right for another engine


@pytest.mark.parametrize("field", MANIFEST_CHANGES)
def test_a_manifest_that_does_not_fit_its_tensors_or_place_is_damage(
    field: str, root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    manifest = only(root, "*.json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), field: MANIFEST_CHANGES[field]}))
    assert "damaged" in reason(find(ArtefactStore(root), fingerprint))
    assert not list(root.rglob("*.safetensors"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}', "\0"])
def test_a_manifest_that_is_no_manifest_is_damage(
    text: str, root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    only(root, "*.json").write_text(text)
    assert store.list_artefacts(TENANT, CUBE) == []
    assert "damaged" in reason(find(ArtefactStore(root), fingerprint))


@pytest.mark.parametrize("where", [0, 8, 100, -1, -200])
def test_a_flipped_byte_is_caught_and_the_artefact_removed(
    where: int, root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    tensors = only(root, "*.safetensors")
    content = bytearray(tensors.read_bytes())
    content[where] ^= 0x40
    tensors.write_bytes(content)
    assert "damaged" in reason(find(ArtefactStore(root), fingerprint))
    assert not list(root.rglob("*.safetensors"))
    assert not list(root.rglob("*.json"))


@pytest.mark.parametrize("length", [0, 1, 300])
def test_a_truncated_tensor_file_is_caught(
    length: int, root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    tensors = only(root, "*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:length])
    assert "damaged" in reason(find(ArtefactStore(root), fingerprint))


def test_a_state_in_ram_does_not_change_with_its_file(
    root: Path, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    ArtefactStore(root).save(TENANT, CUBE, make_artefact())
    store = ArtefactStore(root)
    before = find(store, fingerprint)
    tensors = only(root, "*.safetensors")
    tensors.write_bytes(b"\0" * tensors.stat().st_size)
    after = find(store, fingerprint)
    assert isinstance(before, Found)
    assert isinstance(after, Found)
    assert torch.equal(before.state.keys[0], make_artefact().state.keys[0])
    assert torch.equal(after.state.values[1], make_artefact().state.values[1])


def test_a_newer_artefact_of_the_same_system_prompt_replaces_the_older(
    root: Path, store: ArtefactStore, make_artefact: Make
) -> None:
    store.save(TENANT, CUBE, make_artefact(range(40), built_at_ms=1))
    store.save(TENANT, CUBE, make_artefact(range(50), built_at_ms=2))
    assert [manifest.token_count for manifest in store.list_artefacts(TENANT, CUBE)] == [50]
    assert len(list(root.rglob("*.safetensors"))) == 1


def test_a_cube_keeps_only_its_newest_artefacts(root: Path, make_artefact: Make) -> None:
    store = ArtefactStore(root, keep_per_cube=3)
    for number in range(6):
        store.save(TENANT, CUBE, make_artefact(range(40 + number), system=f"s{number}", built_at_ms=number))
    assert [manifest.token_count for manifest in store.list_artefacts(TENANT, CUBE)] == [45, 44, 43]


def test_deleting_a_memory_deletes_what_was_built_from_it_at_once_and_counts(
    root: Path, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store = ArtefactStore(root)
    store.save(TENANT, CUBE, make_artefact(range(40), system="a", memories=("m1", "m2")))
    store.save(TENANT, CUBE, make_artefact(range(30), system="b", memories=("m2",)))
    store.save(TENANT, CUBE, make_artefact(range(20), system="c", memories=("m3",)))
    assert store.delete_derived(TENANT, CUBE, [MemoryId("m2"), MemoryId("unknown")]) == 2
    found = find(store, fingerprint)
    assert isinstance(found, Found)
    assert found.state.token_count == 20
    assert store.delete_derived(TENANT, CUBE, [MemoryId("m2")]) == 0


def test_deleting_a_memory_deletes_artefacts_that_nobody_can_read(
    root: Path, store: ArtefactStore, make_artefact: Make
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    only(root, "*.json").write_text("{")
    assert store.delete_derived(TENANT, CUBE, [MemoryId("m9")]) == 1
    assert not list(root.rglob("*.safetensors"))


def test_deleting_in_one_process_is_seen_by_another_that_holds_the_state(
    root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact())
    other = ArtefactStore(root)
    assert isinstance(find(other, fingerprint), Found)
    assert store.delete_cube(TENANT, CUBE) == 1
    assert isinstance(find(other, fingerprint), Miss)


def test_deleting_a_tenant_leaves_no_artefact_of_it_and_all_of_others(
    root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    for cube in ("a", "b"):
        store.save(TENANT, CubeId(cube), make_artefact())
    store.save(TenantId("other"), CUBE, make_artefact())
    assert store.delete_tenant(TENANT) == 2
    assert store.delete_tenant(TENANT) == 0
    assert isinstance(find(store, fingerprint, cube=CubeId("a")), Miss)
    assert isinstance(find(store, fingerprint, tenant=TenantId("other")), Found)
    assert len(list(root.rglob("*.safetensors"))) == 1


@pytest.mark.parametrize("deletion", ["memory", "cube", "tenant"])
def test_a_build_that_began_before_a_deletion_is_not_stored(
    deletion: str, store: ArtefactStore, make_artefact: Make
) -> None:
    began = store.generation(TENANT, CUBE)
    if deletion == "memory":
        store.delete_derived(TENANT, CUBE, [MemoryId("m1")])
    elif deletion == "cube":
        store.delete_cube(TENANT, CUBE)
    else:
        store.delete_tenant(TENANT)
    assert store.save(TENANT, CUBE, make_artefact(), generation=began) is None
    assert store.list_artefacts(TENANT, CUBE) == []
    assert store.save(TENANT, CUBE, make_artefact(), generation=store.generation(TENANT, CUBE)) is not None


def test_only_the_owner_can_read_anything_and_no_name_is_in_a_path(
    root: Path, store: ArtefactStore, make_artefact: Make
) -> None:
    store.save(TenantId("acme"), CubeId("../../secret"), make_artefact())
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert "acme" not in str(path.relative_to(root))
        assert "secret" not in str(path.relative_to(root))


def test_a_disk_that_takes_no_more_is_unavailable_and_nothing_half_is_left(
    root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    store.save(TENANT, CUBE, make_artefact(range(20), system="kept"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(Unavailable, match="disk"):
            store.save(TENANT, CUBE, make_artefact(range(1000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(list(root.rglob("*.safetensors"))) == 1
    assert not list(root.rglob("*.tmp"))
    assert isinstance(find(store, fingerprint), Found)


def test_a_root_that_is_a_file_is_unavailable_and_says_which(
    tmp_path: Path, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    (tmp_path / "file").write_text("")
    store = ArtefactStore(tmp_path / "file")
    with pytest.raises(Unavailable, match="disk"):
        store.save(TENANT, CUBE, make_artefact())


_KILLED_WRITER = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    from memos.ids import CubeId, TenantId
    from memos.kv.shelf import Shelf

    shelf = Shelf(Path(sys.argv[1]), TenantId("tenant"), CubeId("cube"))
    with shelf.writing():
        if sys.argv[2] == "before":
            (shelf.directory / "half.tmp").write_bytes(b"x" * 100)
        else:
            shelf.tensors_path("half").write_bytes(b"x" * 100)
        os.kill(os.getpid(), signal.SIGKILL)
""")


@pytest.mark.parametrize("moment", ["before", "between"])
def test_a_writer_killed_in_the_middle_leaves_nothing_that_is_found_or_stays(
    moment: str, root: Path, store: ArtefactStore, make_artefact: Make, fingerprint: ModelFingerprint
) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED_WRITER, str(root), moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(root.rglob("half*"))
    assert "no artefact is stored" in reason(find(store, fingerprint))
    store.save(TENANT, CUBE, make_artefact())
    assert not list(root.rglob("half*"))
    assert isinstance(find(store, fingerprint), Found)
