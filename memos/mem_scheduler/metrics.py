"""What the job path counts, in Prometheus' text format."""

from memos.settings import Settings


def render_metrics(settings: Settings) -> str:
    """The exposition as of now; with Redis away it says that alone. Raises InvalidConfig when none is known."""
    from scheduler.exporter import render_metrics

    return render_metrics(settings)
