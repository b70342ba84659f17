"""deploy/prometheus: alerts over metrics that exist, each with somebody who knows what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from memos.settings import ENV_PREFIX, Settings
from scheduler.keys import RECORD_TTL_S
from scheduler.metrics import METRIC_NAMES
from tests.support.promql import EXPORTED, find_faults, read

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
_TIMEOUT_S = 60
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_compose = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")


def _load(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))


def _alerts() -> list[dict[str, Any]]:
    return [rule for group in _load("alerts.yml")["groups"] for rule in group["rules"]]


each_alert = pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])


@each_alert
def test_an_alert_reads_metrics_that_exist(alert: dict[str, Any]) -> None:
    assert find_faults(alert["expr"]) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("memos_dead_job > 0", "memos_dead_job is not exported"),
        ("memos_job_run_seconds > 0", "memos_job_run_seconds is not exported"),
        ('memos_lanes_ready{tenant="acme"} > 0', "memos_lanes_ready has no label tenant"),
        ('memos_lanes_ready{queue="memos.extract"} > 0', "queue is never memos.extract"),
        ("sum by (tenant) (memos_lanes_ready) > 0", "no series of it has the label tenant"),
    ],
)
def test_a_metric_label_or_value_that_does_not_exist_would_be_found(expression: str, fault: str) -> None:
    assert fault in find_faults(expression)


def test_the_series_that_count_as_known_are_those_of_all_metrics() -> None:
    assert {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", series) for series in EXPORTED} == METRIC_NAMES


def test_what_is_no_promql_would_be_found() -> None:
    [fault] = find_faults("rate(memos_jobs_total) >")

    assert fault.startswith("rate(memos_jobs_total) >")


@each_alert
def test_an_alert_says_how_urgent_it_is_and_what_happened(alert: dict[str, Any]) -> None:
    assert alert["labels"] in [{"severity": severity} for severity in ("critical", "warning", "info")]
    assert alert["annotations"].keys() == {"summary", "runbook"}
    assert re.fullmatch(r"\d+[mh]", alert["for"])


@each_alert
def test_an_alert_names_what_to_do_about_it(alert: dict[str, Any]) -> None:
    page, anchor = alert["annotations"]["runbook"].split("#")

    assert anchor == alert["alert"].lower()
    assert anchor in _anchors(ROOT / page)


def test_there_are_instructions_for_alerts_alone() -> None:
    chapter = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## What to do for each alert")[2]

    assert re.findall(r"(?m)^### (\w+)$", chapter) == [alert["alert"] for alert in _alerts()]


def _anchors(page: Path) -> set[str]:
    """Where links into a page may point, as GitHub names its headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_within_the_instructions_leads_somewhere() -> None:
    page = ROOT / "docs" / "operations.md"
    links = re.findall(r"\]\(#([\w-]+)\)", page.read_text(encoding="utf-8"))

    assert links
    assert set(links) <= _anchors(page)


@each_alert
def test_two_dispatchers_that_report_the_same_are_not_counted_twice(alert: dict[str, Any]) -> None:
    """Series are joined by max, or by nothing but absent; only leaders are summed."""
    if read(alert["expr"]).series[0][0] == "memos_dispatcher_leader":
        return
    joined = re.findall(r"(?:max by \([\w, ]+\) |absent)\(", alert["expr"])

    assert len(joined) == len(read(alert["expr"]).series)


@pytest.mark.parametrize(
    "metric",
    [
        "memos_oldest_ready_seconds",
        "memos_dead_jobs",
        "memos_dispatcher_leader",
        "memos_workers_alive",
        "memos_redis_up",
        "memos_overload_level",
        "memos_fenced_total",
        "memos_rewakes_total",
        "memos_provider_throttled_total",
        "memos_job_retries_total",
    ],
)
def test_somebody_is_told_when_it_goes_wrong(metric: str) -> None:
    assert metric in METRIC_NAMES
    assert metric in {name for alert in _alerts() for name, _matched in read(alert["expr"]).series}


def test_an_alert_about_forgotten_letters_comes_before_they_expire() -> None:
    [alert] = [alert for alert in _alerts() if alert["alert"] == "MemosDeadLettersForgotten"]
    [days] = re.findall(r"\[(\d+)d\]", alert["expr"])

    assert int(days) * 24 * 3600 < RECORD_TTL_S / 2


def test_lateness_is_reported_when_the_overload_ladder_begins() -> None:
    [alert] = [alert for alert in _alerts() if alert["alert"] == "MemosExtractLate"]

    assert float(alert["expr"].rpartition(">")[2]) == Settings.model_fields["overload_dwell_s"].default


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "deploy/prometheus/alerts.yml"),
        ("check", "config", "deploy/prometheus/prometheus.yml"),
        ("test", "rules", "tests/unit/deploy/alerts.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_agrees(arguments: tuple[str, ...]) -> None:
    """The last one plays histories through the alerts: who fires when, and who does not."""
    ran = subprocess.run(
        ["promtool", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )

    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


def test_the_example_scrapes_the_dispatchers_where_compose_lets_them_listen() -> None:
    [job] = _load("prometheus.yml")["scrape_configs"]
    [found] = job["dns_sd_configs"]
    environment = _load("compose.yml")["services"]["dispatcher"]["environment"]

    assert found["names"] == ["dispatcher"]
    assert str(found["port"]) == environment["MEMOS_METRICS_PORT"]
    assert environment["MEMOS_METRICS_HOST"] == "0.0.0.0"
    assert {name for name in environment if name.startswith(ENV_PREFIX)} <= {
        f"{ENV_PREFIX}{field}".upper() for field in Settings.model_fields
    }


def test_the_monitoring_services_are_as_closed_as_the_others() -> None:
    for name in ("prometheus", "grafana"):
        service = _load("compose.yml")["services"][name]
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert {"healthcheck", "mem_limit", "restart", "stop_grace_period", "logging"} <= service.keys()


def test_every_file_that_is_mounted_exists() -> None:
    services = _load("compose.yml")["services"].values()
    mounts = [mount.split(":") for service in services for mount in service.get("volumes", [])]
    files = [mount for mount in mounts if mount[0].startswith("./")]

    assert len(files) == 5
    assert all((ROOT / source).is_file() and mode == "ro" for source, _target, mode in files)


@needs_compose
def test_compose_takes_it_beside_the_services(compose: Any) -> None:
    ran = _config(**compose.given, GRAFANA_PASSWORD="secret-of-a-test")

    assert ran.returncode == 0, ran.stderr


@needs_compose
def test_compose_refuses_to_start_grafana_without_a_password(compose: Any) -> None:
    ran = _config(**compose.given)

    assert ran.returncode != 0
    assert "set GRAFANA_PASSWORD in .env" in ran.stderr


def _config(**passwords: str) -> "subprocess.CompletedProcess[str]":
    files = ("-f", "docker-compose.yml", "-f", "deploy/prometheus/compose.yml")
    return subprocess.run(
        ["docker-compose", "--env-file", ".env.example", *files, "config", "--quiet"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **passwords},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
