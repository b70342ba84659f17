"""``python -m workers.simulate``: a scale and costs as JSON on standard input, what came of it on standard output."""

import json
import sys
from typing import Any

from memos.bench.scale import Costs, Scale
from workers.simulate.engine import Engine, World
from workers.simulate.line import Line
from workers.simulate.mix import build_classes, build_service
from workers.simulate.report import build_report
from workers.simulate.world import build_arrivals


def simulate(scale: Scale, costs: Costs) -> dict[str, Any]:
    """One scale. The same for the same seed."""
    service = build_service(scale, costs)
    classes = build_classes(scale, service)
    horizon_s = scale.jobs / sum(one.jobs_per_s for one in classes)
    arrivals = build_arrivals(classes, horizon_s=horizon_s, seed=scale.seed)
    hint_s = costs.hint_ms / 1e3
    world = World(arrivals=arrivals, service=service, workers=scale.workers, seed=scale.seed, hint_s=hint_s)
    return build_report(scale, costs, classes, arrivals, Engine(world, Line()).run())


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump(simulate(Scale(**request["scale"]), Costs(**request["costs"])), sys.stdout)
