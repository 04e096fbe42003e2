"""Days and nights of the chart's CronJobs: what the schedules of a release do to each other.

The real CronJob and Job controllers of the sandbox, in virtual time, start what the rendered chart
says. A played kubelet ends each Pod as its command would end at that moment, by the same code: what
is due is taken and verified, age and completeness are judged, windows are asked. Only the minutes
that a Pod takes are made up.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from resilience.backup.plans.lifecycle import Keys, newest, run_due
from resilience.backup.plans.own_snapshots import Here
from resilience.backup.plans.plan_judge import fresh, intact
from resilience.backup.store.memory import MemoryStore
from resilience.config.targets import load as load_targets
from resilience.language import load
from resilience.model.scenario import Plan
from resilience.model.verdict import Result
from resilience.sandbox.controllers.job.cronjob import CronJobController
from resilience.sandbox.controllers.job.job import JobController
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import Change, Obj
from resilience.verbs.catalogue import catalogue
from tests.backup.fakes import FakeClock, shop
from tests.e2e.pods_of_deploy import HELM, helm_template
from tests.sandbox.controllers.world import World

pytestmark = pytest.mark.skipif(not HELM, reason="helm cannot be had here")

BERLIN = ZoneInfo("Europe/Berlin")
NAMESPACE = "resilience"
TAKES = {"backup": 240.0, "proof": 60.0, "scenarios": 120.0, "drill": 540.0}
"""Seconds of a Pod, image pull and start included."""


class Release:
    """The chart, installed at a moment of Berlin."""

    def __init__(self, installed: str, folder: Path, *values: str) -> None:
        self.world = World(nodes=0, controllers=[CronJobController, JobController])
        self.ended: list[tuple[str, datetime, datetime, bool]] = []
        """Use, start, end, and whether it succeeded."""
        rendered = helm_template(*values)
        files = next(each["data"] for each in rendered if each["metadata"]["name"] == "here-files")
        for name, text in files.items():
            (folder / name).write_text(text)
        self.plan = _plan(folder)
        self.windows = load_targets(folder)[0].windows
        self.cluster = shop()
        self.store = MemoryStore(now=self.now)
        start = datetime.fromisoformat(installed).replace(tzinfo=BERLIN)
        self.world.run(start.timestamp() - self.world.clock.now())
        self.world.api.subscribe(self.world.kind("pods"), self._changed)
        self.world.create("namespaces", {"metadata": {"name": NAMESPACE}})
        for each in rendered:
            if each["kind"] == "ServiceAccount":
                self.world.create("serviceaccounts", each, namespace=NAMESPACE)
        for each in rendered:
            if each["kind"] == "CronJob":
                self.world.create("cronjobs.batch", each, namespace=NAMESPACE)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), UTC)

    def run(self, days: float) -> None:
        self.world.run(days * 86400)

    def failed(self) -> list[str]:
        """All but proofs that began before the first snapshot was there: they say what is so."""
        first = min((ended for use, _, ended, _ in self.ended if use == "backup"), default=None)
        return [
            f"{use} at {start.astimezone(BERLIN)}"
            for use, start, _, good in self.ended
            if not good and not (use == "proof" and first is not None and start < first)
        ]

    def counts(self) -> Counter[str]:
        return Counter(use for use, *_ in self.ended)

    def _changed(self, change: Change) -> None:
        if change.type != "ADDED":
            return
        meta = change.obj["metadata"]
        use = meta["labels"]["job-name"].split("-")[1]
        self.world.clock.call_later(0.0, lambda: self._begin(meta["name"], use))

    def _begin(self, pod: str, use: str) -> None:
        self.world.report(pod, namespace=NAMESPACE)
        clock = FakeClock()
        clock.moment = self.now()
        work: dict[str, Callable[[FakeClock], bool]] = {
            "backup": self._backup, "proof": self._proof,
            "scenarios": self._scenarios, "drill": self._drill,
        }  # fmt: skip
        # What a proof or a drill reads it reads when it begins; a snapshot is there at its end.
        later = use == "backup"
        good = None if later else work[use](clock)

        def end() -> None:
            ended = work[use](clock) if good is None else good
            self.ended.append((use, clock.now(), self.now(), ended))
            self._end(pod, ended)

        self.world.clock.call_later(TAKES[use], end)

    def _end(self, name: str, good: bool) -> None:
        pod = self.world.get("pods", name, NAMESPACE)
        finished = {"exitCode": 0 if good else 1, "finishedAt": stamp(self.world.clock.now())}
        statuses = [{"name": pod["spec"]["containers"][0]["name"], "restartCount": 0,
                     "state": {"terminated": finished}}]  # fmt: skip
        changed: Obj = {**pod, "status": {**pod["status"], "containerStatuses": statuses}}
        self.world.api.update(self.world.kind("pods"), changed, "status")
        phase = "Succeeded" if good else "Failed"
        self.world.report(name, phase=phase, ready=False, namespace=NAMESPACE)

    def _backup(self, clock: FakeClock) -> bool:
        run_due(self.plan, self.cluster, self.store, clock=clock, keys=Keys(), holder="a")
        return True

    def _proof(self, clock: FakeClock) -> bool:
        found = [
            *fresh(self.plan, self.store, clock=clock),
            *intact(self.plan, self.store, clock=clock, keys=Keys()),
        ]
        return all(each.result is Result.PASSED for each in found)

    def _scenarios(self, clock: FakeClock) -> bool:
        return not self.windows.closed(clock.now())

    def _drill(self, clock: FakeClock) -> bool:
        return newest(self.store, self.plan, Keys(), Here(now=clock.now())) is not None


def _plan(folder: Path) -> Plan:
    """As the Pod reads it: with the chart's time zone, objects only."""
    zone = tomllib.loads((folder / "resilience.toml").read_text())["targets"]["here"]["timezone"]
    environment = {"TIME_ZONE": zone}
    [plan] = load(folder / "shop.plan.yaml", None, catalogue(), environment).plans
    return replace(plan, volumes=None)


@pytest.mark.parametrize(
    "installed",
    [
        "2027-01-31T14:29:50",  # ten seconds before the first backup is due
        "2027-01-31T14:31:00",  # the next proof comes before the next backup
        "2027-01-31T01:59:00",  # just before the plan's own schedule
        "2027-03-27T12:00:00",  # the night has no 02:00
        "2027-10-30T12:00:00",  # the night has two hours of 02:00
    ],
)
def test_two_days_and_nights_of_runs_pass(installed: str, tmp_path: Path) -> None:
    """Two days and nights, and the morning of a first day of a month."""
    release = Release(installed, tmp_path)
    release.run(2)
    assert release.failed() == []
    found = release.counts()
    # The sandbox starts nothing in an hour that a clock change repeats.
    assert found["backup"] in range(187, 194)
    assert found["proof"] in range(46, 51)
    assert any(release.store.list(""))


def test_each_use_runs_when_the_chart_says(tmp_path: Path) -> None:
    """From Sunday to Tuesday over the first of a month, a Monday."""
    release = Release("2027-01-31T14:31:00", tmp_path)
    release.run(1.7)
    starts = {
        use: [start.astimezone(BERLIN).strftime("%a %d %H:%M") for each, start, *_ in release.ended
              if each == use]
        for use in ("scenarios", "drill")
    }  # fmt: skip
    assert starts == {"scenarios": ["Mon 01 10:00"], "drill": ["Mon 01 06:00"]}


def test_no_more_jobs_are_kept_than_the_chart_allows(tmp_path: Path) -> None:
    release = Release("2027-01-31T14:31:00", tmp_path)
    release.run(1)
    kept = Counter(
        each["metadata"]["ownerReferences"][0]["name"]
        for each in release.world.all("jobs.batch", NAMESPACE)
    )
    assert kept["here-backup"] <= 4
    assert kept["here-proof"] <= 4


def test_a_lost_night_is_seen_by_the_next_proof(tmp_path: Path) -> None:
    """The backup's CronJob is suspended: proofs must fail once the newest snapshot is too old."""
    release = Release("2027-01-31T14:31:00", tmp_path)
    release.run(1)
    assert release.failed() == []
    release.world.patch("cronjobs.batch", "here-backup", {"spec": {"suspend": True}}, NAMESPACE)
    release.run(1.2)
    first = release.failed()[0]
    assert first.startswith("proof at 2027-02-02 ")


def test_a_store_of_a_release_in_another_zone_is_as_regular(tmp_path: Path) -> None:
    release = Release("2027-01-31T14:31:00", tmp_path, "timeZone=Pacific/Auckland")
    release.run(2)
    assert release.failed() == []
