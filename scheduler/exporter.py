"""The dispatcher's pages: /metrics, and /livez and /readyz for probes. Also metrics for a person, without a server."""

from collections.abc import Callable

from redis import Redis

from memos.errors import Unavailable
from memos.settings import Settings
from scheduler.connection import connect, require_redis_url
from scheduler.endpoint import Endpoint, Page, Routes, probe, serve
from scheduler.limits import default_policy
from scheduler.metrics import CONTENT_TYPE, Exposition
from scheduler.stats import Stats
from scheduler.wakes import Wakes

# Longer than any step with Redis away, whose waits are bounded.
STUCK_AFTER_S = 30.0


def serve_dispatcher(
    settings: Settings, *, leads: Callable[[], bool], is_known: Callable[[], bool], idle_s: Callable[[], float]
) -> Endpoint | None:
    """Serve the pages on the settings' port; None when they name none. Raises InvalidConfig.

    ``is_known``: it is known who leads. ``idle_s``: seconds since the loop went round last.
    """
    if settings.metrics_port is None:
        return None
    redis = connect(require_redis_url(settings))
    exposition = Exposition(open_stats(settings, redis).read, leads=leads)
    routes: Routes = {
        "/metrics": lambda: Page(body=exposition.render(), content_type=CONTENT_TYPE),
        "/livez": probe(lambda: find_fault(idle_s())),
        "/readyz": probe(lambda: find_unreadiness(redis, is_known=is_known())),
    }
    return serve(settings.metrics_port, settings.metrics_host, routes)


def render_metrics(settings: Settings) -> str:
    """What a scrape would get, but for who leads. Raises InvalidConfig when no Redis is known."""
    redis = connect(require_redis_url(settings))
    try:
        return Exposition(open_stats(settings, redis).read).render()
    finally:
        redis.close()


def open_stats(settings: Settings, redis: Redis) -> Stats:
    """What metrics are made of."""
    return Stats(redis, Wakes(redis, default_policy(settings)))


def find_fault(idle_s: float) -> str | None:
    """Why the dispatcher should be started anew, or None. An outage of Redis is no reason: it goes on trying."""
    return None if idle_s <= STUCK_AFTER_S else f"its loop has not gone round for {idle_s:.0f} s"


def find_unreadiness(redis: Redis, *, is_known: bool) -> str | None:
    """Why it does not dispatch nor stand by, or None."""
    if not is_known:
        return "it does not know yet who leads"
    try:
        Wakes(redis).overload()
    except Unavailable as error:
        return str(error)
    return None
