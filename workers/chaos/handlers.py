"""The product's handlers, on resources that pass points; and, when told so, with one of the defects."""

from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Final

from scheduler.lease import JobOutcome
from workers.batch import Batch
from workers.bootstrap import Resources
from workers.chaos.control import Point
from workers.chaos.defects import Defect, with_defect
from workers.chaos.resources import ChaosResources, control_of
from workers.handlers import extract as product_extract
from workers.handlers import organize as product_organize

# The thread that warms a process up and its first task want them at the same time.
_LOCK: Final = Lock()


def extract(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """Messages become memories."""
    ours = _resources_beside(resources)
    return with_defect(ours.control.defect(), _extract)(batch, ours)


def organize(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    """The index is brought up to the graph."""
    return product_organize.handle(batch, _resources_beside(resources))


def warm(resources: Resources) -> None:
    """Open what both need."""
    _resources_beside(resources).stores.embedder.embed(["warm"])


def _extract(batch: Batch, resources: Resources) -> Sequence[JobOutcome]:
    outcomes = product_extract.handle(batch, resources)
    control_of(resources.settings).pass_point(Point.BEFORE_COMMIT)
    return outcomes


def _resources_beside(resources: Resources) -> ChaosResources:
    """One for the one Resources of a process, closed with it."""
    with _LOCK:
        return _make_beside(resources)


@cache
def _make_beside(resources: Resources) -> ChaosResources:
    fenced = control_of(resources.settings).defect() != Defect.UNFENCED
    return resources.keep_open(ChaosResources(resources.settings, fenced=fenced))
