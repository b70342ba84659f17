"""``memos metrics``: what the job path counts, as Prometheus would scrape it."""

import sys

import typer

from memos.cli.options import DataDir, settings_of
from memos.mem_scheduler.metrics import render_metrics


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(metrics)


def metrics(data_dir: DataDir = None) -> None:
    """Print the metrics of the job path in Prometheus' text format."""
    sys.stdout.write(render_metrics(settings_of(data_dir)))
