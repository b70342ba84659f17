"""One run: the stage is set, the load begins, the faults come one by one, and what is left is judged."""

import random
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from memos.clock import SystemClock
from memos.settings import Settings, load_explicit_settings
from scheduler import MemScheduler
from workers.chaos.checker import judge
from workers.chaos.control import Control, SteppedClock
from workers.chaos.fleet import Fleet
from workers.chaos.generator import Client, LoadGenerator
from workers.chaos.history import FaultBegan, FaultEnded, History, Recovered, RunBegan
from workers.chaos.nemeses import REDIS_CLOCK_STEP, make_nemesis
from workers.chaos.nemeses.base import Stage
from workers.chaos.plan import Plan, choose_faults
from workers.chaos.provider import Provider
from workers.chaos.rabbitmq import RabbitMQ
from workers.chaos.recovery import PROBE_LANE, Ledger, Recovery
from workers.chaos.redis_clock import RedisClock
from workers.chaos.report import Report
from workers.chaos.resources import open_run_stores
from workers.chaos.servers import Servers
from workers.chaos.snapshot import MailboxReader, Places, take_snapshot, wait_until_quiet

_LULL_S: Final = (0.5, 2.0)

Say = Callable[[str], None]


@dataclass(kw_only=True, slots=True)
class Run:
    """A run on a stage that is set."""

    plan: Plan
    stage: Stage
    settings: Settings
    history: History
    say: Say
    clock: SystemClock = field(default_factory=SystemClock)

    def perform(self) -> Report:
        """Load, faults, rest, judgement. Raises Unavailable when the stage itself breaks down."""
        plan = self.plan
        self.history.note(
            RunBegan(at_s=self.clock.monotonic_s(), seed=plan.seed, broker=plan.broker, faults=list(plan.faults))
        )
        with ExitStack() as opened:
            client = self._open_client(opened)
            recovery = self._watch_over(client)
            recovery.watch(0)  # the first job opens everything that a worker needs; that is no recovery
            generator = LoadGenerator(client, self.plan.load, seed=self.plan.seed)
            started_s = self.clock.monotonic_s()
            generator.start()
            try:
                self._strike_all(recovery, started_s)
            finally:
                generator.stop()
            seconds = self.clock.monotonic_s() - started_s
            return self._judge(client.scheduler, recovery, seconds, tuple(generator.failures))

    def _open_client(self, opened: ExitStack) -> Client:
        scheduler = MemScheduler.from_url(str(self.settings.redis_url))
        opened.callback(scheduler.close)
        return Client(
            scheduler=scheduler, history=self.history, clock=self.clock, wall=SteppedClock(self.stage.control)
        )

    def _watch_over(self, client: Client) -> Recovery:
        ledger = Ledger(scheduler=client.scheduler, history=self.history)
        return Recovery(ledger=ledger, client=client, clock=self.clock, patience_s=self.plan.patience_s)

    def _strike_all(self, recovery: Recovery, started_s: float) -> None:
        number = 0
        for number, name in enumerate(self.plan.faults, start=1):
            self._strike(number, name, recovery)
        more = random.Random(f"more-{self.plan.seed}")
        while self.clock.monotonic_s() - started_s < self.plan.at_least_s:
            number += 1
            self._strike(number, choose_faults(self.plan.faults, count=1, seed=more.getrandbits(32))[0], recovery)

    def _strike(self, number: int, name: str, recovery: Recovery) -> None:
        self.clock.sleep_s(self.stage.rng.uniform(*_LULL_S))
        nemesis = make_nemesis(name)
        self.history.note(FaultBegan(at_s=self.clock.monotonic_s(), fault=number, name=name))
        try:
            nemesis.inject(self.stage)
            self.clock.sleep_s(nemesis.hold_s(self.stage))
        finally:
            done = nemesis.heal(self.stage)
        self.history.note(FaultEnded(at_s=self.clock.monotonic_s(), fault=number, done=done))
        seconds, waiting = recovery.watch(number)
        now_s = self.clock.monotonic_s()
        self.history.note(Recovered(at_s=now_s, fault=number, seconds=seconds, complete=not waiting, waiting=waiting))
        back = f"back after {seconds:.1f} s" if not waiting else f"{waiting} jobs not back after {seconds:.0f} s"
        self.say(f"{number:3} {name}: {done or 'nothing could be done'}; {back}")

    def _judge(self, scheduler: MemScheduler, recovery: Recovery, seconds: float, failures: tuple[str, ...]) -> Report:
        left = recovery.settle(within_s=self.plan.patience_s)
        self.say(f"the load is over; {left} accepted jobs have not ended; reading the stores")
        places = Places(lanes=(*self.stage.lanes, PROBE_LANE))
        with ExitStack() as opened:
            reader = MailboxReader(str(self.settings.redis_url))
            opened.callback(reader.close)
            wait_until_quiet(reader, places, self.clock, within_s=self.plan.patience_s)
            stores = open_run_stores(self.settings)
            opened.callback(stores.close)
            snapshot = take_snapshot(reader, scheduler, stores, places)
        return Report(
            seed=self.plan.seed,
            broker=self.plan.broker,
            history=str(self.history.path),
            seconds=seconds,
            verdict=judge(self.history.events(), snapshot),
            client_failures=failures,
        )


@contextmanager
def open_run(plan: Plan, directory: Path, history: History, *, say: Say) -> Generator[Run]:
    """Set the stage in a directory of its own; everything ends with the context. Raises Unavailable."""
    with ExitStack() as opened:
        provider = Provider(thinking_s=plan.thinking_s)
        opened.callback(provider.close)
        stepped = REDIS_CLOCK_STEP in plan.faults
        clock = RedisClock(file=directory / "redis-clock" / "offset") if stepped else None
        servers = Servers(directory / "servers", clock=clock)
        opened.callback(servers.close)
        given = _settings_for(plan, servers, provider, directory)
        control = Control(directory=directory / "fleet" / "control")
        if plan.defect:
            control.set_defect(plan.defect)
        settings = load_explicit_settings(**given, data_dir=directory / "fleet" / "director")
        open_run_stores(settings).close()  # made once and in peace, not by four processes at the first job
        say("servers are ready; starting dispatchers and workers")
        fleet = Fleet(directory / "fleet", given)
        opened.callback(fleet.close)
        stage = Stage(
            servers=servers,
            fleet=fleet,
            provider=provider,
            control=control,
            lanes=plan.load.lanes(),
            rng=random.Random(f"stage-{plan.seed}"),
            away_s=plan.away_s,
            sleep_s=time.sleep,
        )
        yield Run(plan=plan, stage=stage, settings=settings, history=history, say=say)


def _settings_for(plan: Plan, servers: Servers, provider: Provider, directory: Path) -> dict[str, Any]:
    """What every process of the run is told."""
    given: dict[str, Any] = dict(servers.settings)
    if plan.broker == "rabbitmq":
        given.pop("gpu_broker_url", None)
        given |= _start_rabbitmq(servers, directory)
    given |= {"reader": "simple_struct", "llm_base_url": provider.url, "llm_model": "chaos", "log_level": "INFO"}
    return given


def _start_rabbitmq(servers: Servers, directory: Path) -> dict[str, Any]:
    rabbitmq = RabbitMQ(directory / "rabbitmq")
    for spec in rabbitmq.build_specs():
        servers.add(spec)
    return rabbitmq.settings
