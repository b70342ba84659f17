"""``python -m workers.bench``: a plan as JSON on standard input, figures as JSON on standard output."""

import json
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager

from memos.bench.scheduler import Plan
from memos.errors import MemosError
from memos.settings import Settings, load_settings
from scheduler.connection import require_redis_url
from workers.bench import bare_app, processes
from workers.bench.bare import Bare
from workers.bench.bell import connect_named, own_redis
from workers.bench.figures import measure_bare, measure_ours
from workers.bench.floods import build_flood
from workers.bench.ours import Ours
from workers.bench.pick import measure_pick
from workers.bench.submit import measure_submit


def measure(settings: Settings, plan: Plan) -> dict[str, float]:
    """All figures. While one side works, the other's processes are not there."""
    directory = settings.data_dir
    with open_sides(settings) as (ours, bare):
        figures = measure_submit(ours, bare, build_flood(plan.submits, lanes=50, name="submit"))
        with processes.running(processes.build_ours(directory), directory):
            figures |= measure_ours(ours, plan)
        with processes.running(processes.build_bare(directory), directory):
            figures |= measure_bare(bare, plan)
        return figures | measure_pick(ours, plan, settings)


@contextmanager
def open_sides(settings: Settings) -> Generator[tuple[Ours, Bare]]:
    """Both sides of the comparison, on the one Redis."""
    url = require_redis_url(settings)
    broker = connect_named(bare_app.broker_url(settings))
    with closing(broker), closing(Ours(url, observer=own_redis())) as ours, closing(Bare(observer=broker)) as bare:
        yield ours, bare


def main() -> int:
    """Returns 1, with one line on standard error, when something could not be measured."""
    try:
        figures = measure(load_settings(), Plan(**json.load(sys.stdin)))
    except MemosError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    json.dump(figures, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
