"""Flower's options (``celery flower --conf=THIS FILE``): look, don't touch, and only with the password.

Names are Flower's own. /metrics and /healthcheck answer without a login, which is what probes and scrapers need.
"""

from memos.errors import InvalidConfig
from memos.settings import Settings, load_settings


def _credentials(settings: Settings) -> list[str]:
    password = settings.flower_password.get_secret_value()
    if not password:
        raise InvalidConfig("MEMOS_FLOWER_PASSWORD is not set; Flower does not start without a password")
    return [f"{settings.flower_user}:{password}"]


basic_auth = _credentials(load_settings())
read_only = True
# The kwargs hold tenant, cube and session, so that the search box finds one tenant's work.
tasks_columns = "name,state,kwargs,received,started,runtime,worker,uuid"
natural_time = False
max_tasks = 20_000
purge_offline_workers = 600
