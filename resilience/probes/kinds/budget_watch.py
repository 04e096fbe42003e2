"""The `budget` probe at work: the run's own watches of budgets and Pods, read when it stops.

Steady means that a budget covers a Pod, its status is current, and it has enough healthy Pods;
otherwise the run's effect could not be judged. A budget that covers or counts no Pod, that its
controller cannot compute, or that is deleted meanwhile, is reported as not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.cluster.interface import BUDGETS, PODS, Object, WatchEvent
from resilience.cluster.watching.lives import living
from resilience.drain.budgets import selects
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.report import ProbeRecord
from resilience.model.scenario import Step
from resilience.model.verdict import Finding, Outage, Result, Unit, Window
from resilience.model.words import span
from resilience.probes.findings import watched
from resilience.probes.healthy import (
    Breach,
    Deed,
    Key,
    Reading,
    breaches,
    failures,
    is_current,
    reading,
    readings,
    unjudged,
    within,
)
from resilience.verbs.context import NotMet, ProbeContext

COMING = 5.0
"""Seconds to wait for a budget, or for its Pods, after `given`."""

PROMISED = "this run pushes no budget below its desiredHealthy"


class BudgetProbe:
    """`resilience.verbs.context.RunningProbe`. `namespace` "" means all."""

    def __init__(
        self, step: Step, context: ProbeContext, selector: Selector | None, namespace: str
    ) -> None:
        self._step, self._context = step, context
        self._selector, self._namespace = selector, namespace
        self._events: list[WatchEvent] = []
        self._deeds: dict[Key, list[Deed]] = {}
        self._without: list[str] = []
        self._began = context.clock.monotonic()
        self._stopped: float | None = None
        self._pods = context.view(PODS, namespace)
        self._budgets = context.view(BUDGETS, namespace)

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Return once at least one budget exists and each has enough healthy Pods. If none covers a
        Pod, waiting does not help."""
        clock = self._context.clock
        if not clock.until(self._covers, min(deadline, self._began + COMING)):
            raise NotMet(self._unsteady())
        if not clock.until(lambda: not self._unsteady(), deadline):
            raise NotMet(self._unsteady())

    def progress(self) -> tuple[int, int]:
        """(statuses read, those that were not short)."""
        all_readings = [each for series in readings(self._heard()).values() for each in series]
        return len(all_readings), sum(not each.short for each in all_readings)

    def below(self) -> str:
        """This probe has no abort condition."""
        return ""

    def stop(self) -> None:
        """Keep what was seen so far; effects of the undo are not judged. Idempotent."""
        if self._stopped is None:
            self._stopped = self._context.clock.monotonic()
            self._events = self._heard()
            self._deeds = self._done()
            self._without = self._idle()

    def judge(self, window: Window) -> Sequence[Finding]:
        """One finding over all budgets."""
        found = {key: self._of(key, series, window)
                 for key, series in readings(self._events).items()}  # fmt: skip
        ours = {key: [each for each in spans if each.blamed] for key, spans in found.items()}
        if broken := [(key, each) for key, spans in ours.items() for each in spans]:
            return (self._broken(broken),)
        if gone := self._gone(window):
            return (self._finding(Result.NOT_MEASURED, gone),)
        if failed := failures(self._events, window):
            return (self._finding(Result.NOT_MEASURED, "; ".join(failed)),)
        return (self._held(found, window),)

    def record(self) -> ProbeRecord:
        """No samples, but what was watched."""
        told = {"/".join(key): [[each.at, each.healthy, each.desired] for each in series]
                for key, series in readings(self._events).items()}  # fmt: skip
        facts: Mapping[str, Any] = {"kind": "budget", "readings": told}
        return ProbeRecord(
            name=self.name, title=self._step.title, rate=0.0, samples=(), facts=facts
        )

    def _watched(self, budget: Object) -> bool:
        return self._is_here(budget) and any(
            selects(budget, pod)
            and (self._selector is None or self._selector.matches(objects.labels(pod)))
            for pod in self._living()
        )

    def _living(self) -> list[Object]:
        """The states of unfinished Pods since the probe began."""
        return living(self._context.history(PODS), self._began)

    def _is_here(self, budget: Object) -> bool:
        return self._namespace in ("", objects.namespace(budget))

    def _idle(self) -> list[str]:
        """Watched budgets that cover no Pod, so nothing can be said about them."""
        if self._selector is not None:
            return []
        budgets = {
            _key(event.object): event.object
            for event in self._context.history(BUDGETS)
            if event.type != "DELETED" and self._is_here(event.object)
        }
        idle = [objects.title(each) for each in budgets.values() if not self._watched(each)]
        return [f"budget {title} covers no Pod" for title in sorted(idle)]

    def _heard(self) -> list[WatchEvent]:
        """Each version of each watched budget once: several views may have shown it."""
        found: dict[tuple[str, str, bool], WatchEvent] = {}
        for event in self._context.history(BUDGETS):
            version = objects.resource_version(event.object)
            key = objects.uid(event.object), version, event.type == "DELETED"
            if self._watched(event.object):
                found.setdefault(key, event)
        return list(found.values())

    def _covers(self) -> bool:
        return any(self._watched(each) for each in self._budgets.objects())

    def _unsteady(self) -> str:
        there = [each for each in self._budgets.objects() if self._watched(each)]
        place = self._namespace or "any namespace"
        if not there and (idle := self._idle()):
            return f"{', '.join(idle)}: the budget could not be violated; is its selector right?"
        if not there:
            which = f" that covers Pods {self._selector}" if self._selector else ""
            return f"there is no disruption budget{which} in {place} that could be violated"
        for budget in there:
            if not is_current(budget):
                return f"budget {objects.title(budget)} has no up-to-date status yet"
            if why := unjudged(budget):
                return why
            now = reading(budget, 0.0)
            if now.short:
                return (f"budget {objects.title(budget)} already has too few healthy Pods: "
                        f"{now.healthy} healthy of {now.desired} needed")  # fmt: skip
        return ""

    def _done(self) -> dict[Key, list[Deed]]:
        """The run's actions on Pods of each budget."""
        budgets = {_key(event.object): event.object for event in self._events}
        harmed = [(self._versions(victim.uid), Deed(at=victim.struck, text=_title(victim)))
                  for victim in self._context.victims]  # fmt: skip
        harmed += [
            (
                [{"metadata": {"namespace": each.namespace, "labels": each.pod_labels}}],
                Deed(at=each.since, text=each.text),
            )
            for each in self._context.changes
            if each.pod_labels
        ]
        return {key: [deed for pods, deed in harmed if any(selects(budget, pod) for pod in pods)]
                for key, budget in budgets.items()}  # fmt: skip

    def _versions(self, uid: str) -> list[Object]:
        """All former states of a Pod: a quarantined Pod has lost the labels by which the budget
        covered it."""
        return [event.object for event in self._context.history(PODS)
                if objects.uid(event.object) == uid]  # fmt: skip

    def _of(self, key: Key, series: Sequence[Reading], window: Window) -> list[Breach]:
        deeds = [deed for deed in self._deeds.get(key, ()) if deed.at >= window.since]
        return [each for each in breaches(series, deeds)
                if each.since <= window.until
                and (each.until is None or each.until >= window.since)]  # fmt: skip

    def _gone(self, window: Window) -> str:
        last = {_key(event.object): event for event in self._events}
        gone = [key for key, event in last.items()
                if event.type == "DELETED" and event.received <= window.until]  # fmt: skip
        return ", ".join(
            f"budget {'/'.join(key)} was deleted in the meantime" for key in sorted(gone)
        )

    def _broken(self, broken: Sequence[tuple[Key, Breach]]) -> Finding:
        told = sorted(broken, key=lambda each: -each[1].worst.short)
        lines = [f"{self._span(*each)}; by {', '.join(_few(each[1].blamed))}" for each in told]
        outages = tuple(Outage(since=each.since, until=self._until(each), resolution=0.0, lost=0)
                        for _, each in told)  # fmt: skip
        return self._finding(Result.FAILED, self._span(*told[0]), lines, outages,
                             float(-told[0][1].worst.short))  # fmt: skip

    def _held(self, found: Mapping[Key, Sequence[Breach]], window: Window) -> Finding:
        alone = [f"{self._span(key, each)}, not by our doing"
                 for key, spans in sorted(found.items()) for each in spans]  # fmt: skip
        spare = {key: min(each.healthy - each.desired for each in inside)
                 for key, series in readings(self._events).items()
                 if (inside := within(series, window))}  # fmt: skip
        alone += [f"{text}: not measured" for text in self._without]
        if any(found.values()):
            return self._finding(Result.PASSED, alone[0], alone)
        key, least = min(spare.items(), key=lambda each: (each[1], each[0]))
        many = f"{len(spare)} budget{'s' * (len(spare) != 1)}"
        text = f"{many} kept; smallest margin: {least} at {'/'.join(key)}"
        return self._finding(Result.PASSED, text, alone, (), float(least))

    def _span(self, key: Key, breach: Breach) -> str:
        worst = breach.worst
        length = span(self._until(breach) - breach.since)
        lasting = " and still then" if breach.until is None else ""
        return (f"budget {'/'.join(key)} had {worst.healthy} healthy of {worst.desired} needed, "
                f"for {length}{lasting}")  # fmt: skip

    def _until(self, breach: Breach) -> float:
        end = self._stopped if breach.until is None else breach.until
        assert end is not None, "judged after stop"
        return end

    def _finding(
        self,
        result: Result,
        measured: str,
        detail: Sequence[str] = (),
        outages: tuple[Outage, ...] = (),
        value: float | None = None,
    ) -> Finding:
        return watched(
            self.name, "healthy", result, promised=PROMISED, measured=measured, limit=0.0,
            value=value, unit=Unit.COUNT, detail=tuple(detail), outages=outages,
        )  # fmt: skip


def _key(budget: Object) -> Key:
    return objects.namespace(budget), objects.name(budget)


def _title(victim: Any) -> str:
    return f"what {victim.step} did to {victim.namespace}/{victim.name}"


def _few(deeds: Sequence[Deed]) -> list[str]:
    texts = [deed.text for deed in deeds[:3]]
    return [*texts, f"{len(deeds) - 3} more"] if len(deeds) > 3 else texts
