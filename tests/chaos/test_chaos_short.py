"""The short form of the proof, on each broker: minutes of faults, so it runs when it is asked for by name.

make chaos-short        pytest tests/chaos/test_chaos_short.py
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rabbitmq import why_missing
from workers.chaos.history import FaultBegan, Recovered, decode_events
from workers.chaos.plan import SHORT

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]
ZERO = ("lost", "duplicated_effects", "inversions", "leaked_slots", "stuck_lanes")


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_nothing_is_lost_doubled_turned_round_or_left_behind(broker: str, tmp_path: Path) -> None:
    if broker == "rabbitmq" and (reason := why_missing()) is not None:
        pytest.skip(reason)
    history = tmp_path / "history.jsonl"
    command = [sys.executable, "-m", "memos.cli.main", "chaos", "--short", "--json"]
    command += ["--broker", broker, "--history", str(history)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=580, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    figures = json.loads(ran.stdout)
    assert {name: figures[name] for name in ZERO} == dict.fromkeys(ZERO, 0)
    assert (figures["faults"], figures["broker"]) == (len(SHORT), broker)
    assert figures["accepted"] > 0
    events = decode_events(history.read_text(encoding="utf-8").splitlines())
    assert {event.name for event in events if isinstance(event, FaultBegan)} == set(SHORT)
    assert all(event.complete for event in events if isinstance(event, Recovered))
