"""How the working half of the stack is started: dispatcher, workers, Flower. They find the servers by stack.json.

data_dir/run/NAME.ready     touched by a process when it is ready; removed before it is started
data_dir/run/NAME.warm      touched by a worker when its models are loaded, or could not be
data_dir/run/NAME.NODE.alive      kept young by a worker while hints reach it (memos/local/alive.py)
"""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from memos.errors import Unavailable
from memos.local import alive
from memos.local.child import ChildSpec
from memos.local.ports import LOOPBACK
from memos.local.probes import probe_http
from memos.local.servers import Site, half_of_the_cores, python_module, thread_environment
from memos.settings import ENV_PREFIX, Settings

# A GPU worker needs these; without them kv jobs wait in their queue.
_MODEL_PACKAGES: Final = ("torch", "transformers", "safetensors")
# Settings that are a path or a name.
_MODEL_FIELDS: Final = ("embedder_model", "chat_model")
_STOP_S: Final = 15.0
# A worker ends by itself within its bound, and says goodbye.
_GOODBYE_S: Final = 5.0
# A worker that can end itself does so first.
_STALLED_AFTER_S: Final = alive.PATIENCE_S + 2.0
# Beside the settings' metrics port, of which a machine has one: who serves its pages how far from it.
_METRICS_OFFSETS: Final = {"dispatcher": 0, "cpu-worker": 1, "gpu-worker": 2}
# The first start of all unpacks a packaged model, which takes 20 s and more.
_WARM_WITHIN_S: Final = 240.0
# While one process waits for the graph, the other computes embeddings.
_CPU_PROCESSES: Final = 2


def build_process_specs(site: Site, settings: Settings) -> list[ChildSpec]:
    """The dispatcher and whichever of the workers and Flower have their packages installed."""
    specs = [_dispatcher(site), _cpu_worker(site, settings)]
    if has_packages(*_MODEL_PACKAGES):
        specs.append(_gpu_worker(site, settings))
    if has_packages("flower"):
        specs.append(_flower(site))
    given = build_settings_environment(settings, site.data_dir)
    return [replace(spec, environment={**spec.environment, **given, **_own(spec.name, settings)}) for spec in specs]


def build_settings_environment(settings: Settings, data_dir: Path) -> dict[str, str]:
    """The variables that make a process in another directory mean the same files as this one."""
    paths = {name: value for name in settings.model_fields_set if isinstance(value := getattr(settings, name), Path)}
    models = {name: Path(getattr(settings, name)) for name in _MODEL_FIELDS}
    paths |= {name: path for name, path in models.items() if path.expanduser().is_dir()}
    paths["data_dir"] = data_dir
    return {f"{ENV_PREFIX}{name.upper()}": str(path.expanduser().absolute()) for name, path in paths.items()}


def has_packages(*names: str) -> bool:
    """Whether all of these can be imported; imports none."""
    return all(importlib.util.find_spec(name) is not None for name in names)


def _own(name: str, settings: Settings) -> dict[str, str]:
    """The variables that differ from one process to the next."""
    if settings.metrics_port is None or name not in _METRICS_OFFSETS:
        return {}
    return {f"{ENV_PREFIX}METRICS_PORT": str(settings.metrics_port + _METRICS_OFFSETS[name])}


def _dispatcher(site: Site) -> ChildSpec:
    ready = _ready_file(site, "dispatcher")
    argv = (*python_module("scheduler.dispatch"), "--ready-file", str(ready))
    return _process(site, "dispatcher", argv, probe=_file_probe("dispatcher", ready), clears=(ready,), threads=1)


def _cpu_worker(site: Site, settings: Settings) -> ChildSpec:
    options = ("--pool", "prefork", "--concurrency", str(_CPU_PROCESSES))
    return _worker(site, settings, "cpu-worker", "workers.app", "memos-cpu", options)


def _gpu_worker(site: Site, settings: Settings) -> ChildSpec:
    return _worker(site, settings, "gpu-worker", "workers.gpu", "memos-gpu", ("--pool", "solo"))


def _worker(site: Site, settings: Settings, name: str, module: str, app: str, options: tuple[str, ...]) -> ChildSpec:
    node = f"{name}@local"
    files = (_ready_file(site, app), _run_file(site, f"{app}.warm"))
    shown = _run_file(site, f"{app}.{node}.alive")
    argv = (*_celery(module), "worker", *options, "-n", node, "--loglevel", "INFO")
    probe, clears = _file_probe(name, *files), (*files, shown)
    spec = _process(site, name, argv, probe=probe, clears=clears, threads=half_of_the_cores())
    return replace(
        spec,
        environment={**spec.environment, f"{ENV_PREFIX}WARM_STOP_S": str(settings.warm_stop_s)},
        ready_within_s=_WARM_WITHIN_S,
        stop_within_s=settings.warm_stop_s + _GOODBYE_S,
        find_stall=lambda: alive.find_stall(shown, patience_s=_STALLED_AFTER_S),
    )


def _flower(site: Site) -> ChildSpec:
    url = f"http://{LOOPBACK}:{site.ports['flower']}"
    conf = Path(__file__).with_name("flowerconfig.py")
    argv = (
        *_celery("workers.app"),
        "flower",
        f"--address={LOOPBACK}",
        f"--port={site.ports['flower']}",
        f"--conf={conf}",
    )
    return _process(
        site,
        "flower",
        argv,
        probe=lambda: probe_http(url, "/healthcheck"),
        clears=(),
        threads=1,
    )


def _process(
    site: Site,
    name: str,
    argv: tuple[str, ...],
    *,
    probe: Callable[[], None],
    clears: tuple[Path, ...],
    threads: int,
) -> ChildSpec:
    return ChildSpec(
        name=name,
        argv=argv,
        directory=site.data_dir / "run",
        probe=probe,
        clears=clears,
        environment=thread_environment(threads),
        stop_within_s=_STOP_S,
    )


def _celery(module: str) -> tuple[str, ...]:
    return (*python_module("celery"), "-A", module)


def _ready_file(site: Site, name: str) -> Path:
    return _run_file(site, f"{name}.ready")


def _run_file(site: Site, name: str) -> Path:
    return site.data_dir / "run" / name


def _file_probe(name: str, *paths: Path) -> Callable[[], None]:
    def probe() -> None:
        for path in paths:
            if not path.exists():
                raise Unavailable(name, f"{path.name} is not there yet")

    return probe
