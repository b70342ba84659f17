import os
import time
from pathlib import Path

import pytest

from memos.local import alive
from memos.local.access import Access
from memos.local.processes import build_process_specs, build_settings_environment
from memos.local.servers import Site
from memos.settings import Settings


def test_children_find_the_directory_whatever_their_own_is(tmp_path: Path) -> None:
    site = Site(data_dir=tmp_path, access=Access(), ports={"flower": 1})
    for spec in build_process_specs(site, Settings(data_dir=tmp_path)):
        assert spec.environment["MEMOS_DATA_DIR"] == str(tmp_path)
        assert spec.environment["OMP_WAIT_POLICY"] == "passive"
        assert int(spec.environment["OMP_NUM_THREADS"]) >= 1


def test_no_secret_is_in_an_argument_list(tmp_path: Path) -> None:
    site = Site(data_dir=tmp_path, access=Access(), ports={"flower": 1})
    specs = build_process_specs(site, Settings(data_dir=tmp_path))
    shown = " ".join(word for spec in specs for word in spec.argv)
    assert site.access.flower_password not in shown


def test_relative_paths_of_the_settings_mean_the_same_files_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    settings = Settings(kv_dir=Path("kv"), model_aliases=Path("~/aliases.json"), embedder_model="models/mine")
    given = build_settings_environment(settings, tmp_path)
    assert given["MEMOS_KV_DIR"] == str(tmp_path / "kv")
    assert given["MEMOS_MODEL_ALIASES"] == str(Path.home() / "aliases.json")
    assert given["MEMOS_EMBEDDER_MODEL"] == str(tmp_path / "models" / "mine")
    assert "MEMOS_CHAT_MODEL" not in given
    assert "MEMOS_MODEL_CACHE" not in given


def test_a_worker_has_its_bound_to_stop_and_some_time_to_say_goodbye(tmp_path: Path) -> None:
    site = Site(data_dir=tmp_path, access=Access(), ports={"flower": 1})
    specs = {spec.name: spec for spec in build_process_specs(site, Settings(data_dir=tmp_path, warm_stop_s=40))}
    assert specs["cpu-worker"].environment["MEMOS_WARM_STOP_S"] == "40.0"
    assert specs["cpu-worker"].stop_within_s > 40


def test_a_worker_that_shows_nothing_for_long_is_stalled(tmp_path: Path) -> None:
    site = Site(data_dir=tmp_path, access=Access(), ports={"flower": 1})
    specs = {spec.name: spec for spec in build_process_specs(site, Settings(data_dir=tmp_path))}
    shown = tmp_path / "run" / "memos-cpu.cpu-worker@local.alive"
    assert shown in specs["cpu-worker"].clears
    assert specs["cpu-worker"].find_stall() is None
    alive.show(shown)
    long_ago_ns = time.monotonic_ns() - 25 * 10**9
    os.utime(shown, ns=(long_ago_ns, long_ago_ns))
    assert specs["cpu-worker"].find_stall() is not None


def test_each_process_serves_its_pages_on_a_port_of_its_own(tmp_path: Path) -> None:
    site = Site(data_dir=tmp_path, access=Access(), ports={"flower": 1})
    specs = build_process_specs(site, Settings(data_dir=tmp_path, metrics_port=9400))
    given = {spec.name: spec.environment.get("MEMOS_METRICS_PORT") for spec in specs}
    assert (given["dispatcher"], given["cpu-worker"]) == ("9400", "9401")
    assert given.get("flower") is None
