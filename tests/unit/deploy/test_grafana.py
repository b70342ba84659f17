"""deploy/grafana: a dashboard that can be imported and shows nothing but what is exported."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scheduler.metrics import METRIC_NAMES
from tests.support.promql import find_faults, read

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "deploy" / "grafana"
_WIDTH = 24
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def _dashboard() -> dict[str, Any]:
    return json.loads((GRAFANA / "memos.json").read_text(encoding="utf-8"))


def _panels() -> list[dict[str, Any]]:
    return [panel for panel in _dashboard()["panels"] if panel["type"] != "row"]


def _query(expression: str) -> str:
    """The expression as Grafana sends it."""
    return expression.replace("$__rate_interval", "1m").replace("$namespace", ".*")


each_panel = pytest.mark.parametrize("panel", _panels(), ids=lambda panel: panel["title"])


@each_panel
def test_a_panel_shows_metrics_that_exist(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    assert [fault for target in panel["targets"] for fault in find_faults(_query(target["expr"]))] == []


def test_every_metric_is_shown() -> None:
    series = {
        name for panel in _panels() for target in panel["targets"] for name, _ in read(_query(target["expr"])).series
    }
    shown = {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in series}

    assert shown == METRIC_NAMES


@each_panel
def test_a_panel_explains_itself_and_names_its_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith((".", "dlq list."))
    assert panel["fieldConfig"]["defaults"]["unit"]


@each_panel
def test_a_panel_asks_the_datasource_and_the_namespace_that_were_chosen(panel: dict[str, Any]) -> None:
    assert panel["datasource"] == _DATASOURCE
    for target in panel["targets"]:
        assert target["datasource"] == _DATASOURCE
        assert target["expr"].count('namespace=~"$namespace"') == len(read(_query(target["expr"])).series)


@each_panel
def test_a_legend_names_labels_that_the_query_keeps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert named <= read(_query(target["expr"])).labels


@each_panel
def test_two_dispatchers_that_report_the_same_are_not_counted_twice(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        if "memos_dispatcher_leader" not in target["expr"]:
            assert len(re.findall(r"\bmax(?: by \([\w, ]+\) )?\(", target["expr"])) == len(
                read(_query(target["expr"])).series
            )


def test_the_rows_are_the_questions_that_an_operator_has() -> None:
    rows = [panel["title"] for panel in _dashboard()["panels"] if panel["type"] == "row"]

    assert rows == ["Throughput", "Latency", "Fairness and queues", "Failures", "Overload and providers"]


def test_no_two_panels_overlap_and_none_leaves_the_page() -> None:
    places = [panel["gridPos"] for panel in _dashboard()["panels"]]

    assert all(place["x"] >= 0 and place["x"] + place["w"] <= _WIDTH for place in places)
    assert [pair for pair in itertools.combinations(places, 2) if _overlap(*pair)] == []


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_the_dashboard_can_be_imported_anywhere() -> None:
    """It names no datasource of ours and no number that another Grafana gave it."""
    dashboard = _dashboard()
    ids = [panel["id"] for panel in dashboard["panels"]]
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}

    assert "id" not in dashboard
    assert dashboard["uid"] == "memos"
    assert dashboard["schemaVersion"] >= 39
    assert len(set(ids)) == len(ids)
    assert variables["datasource"]["type"] == "datasource"
    # Series without a namespace, as there are without Kubernetes, are shown as well.
    assert variables["namespace"]["allValue"] == ".*"


def test_annotations_are_alerts_that_exist() -> None:
    [annotation] = _dashboard()["annotations"]["list"]
    [pattern] = re.findall(r'alertname=~"([^"]+)"', annotation["expr"])
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    names = [rule["alert"] for group in alerts["groups"] for rule in group["rules"]]

    assert [name for name in names if not re.fullmatch(pattern, name)] == []


def test_grafana_finds_the_dashboard_and_the_prometheus_of_compose() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "prometheus" / "compose.yml").read_text(encoding="utf-8"))["services"]
    mounts = dict(mount.split(":")[:2] for mount in services["grafana"]["volumes"])
    [provider] = yaml.safe_load((GRAFANA / "dashboards.yml").read_text(encoding="utf-8"))["providers"]
    [source] = yaml.safe_load((GRAFANA / "datasource.yml").read_text(encoding="utf-8"))["datasources"]

    assert mounts["./deploy/grafana/memos.json"].startswith(f"{provider['options']['path']}/")
    assert source["url"] == "http://prometheus:9090"
    assert mounts["./deploy/grafana/datasource.yml"].startswith("/etc/grafana/provisioning/datasources/")
    assert mounts["./deploy/grafana/dashboards.yml"].startswith("/etc/grafana/provisioning/dashboards/")
