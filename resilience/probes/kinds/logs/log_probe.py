"""The `log` probe at work: every container instance that runs has a reader, and each is accounted
for.

A matching line decides at once. The absence of a match counts only if every instance was read to
its end; an instance that ended unread leaves the result open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING

from resilience.cluster.interface import PODS, Object
from resilience.cluster.watching.lives import living
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.nearest import did_you_mean
from resilience.model.report import ProbeRecord
from resilience.model.scenario import Step
from resilience.model.verdict import Finding, Result, Window
from resilience.model.words import many, printable
from resilience.probes.findings import watched
from resilience.probes.kinds.logs.log_matches import Matches
from resilience.probes.kinds.logs.log_reader import Instance, Reader
from resilience.verbs.context import NotMet, ProbeContext

if TYPE_CHECKING:
    from resilience.probes.kinds.logs.log import Log

LOOK = 0.05
"""Seconds between two checks of the watched Pods."""

FINISH = 5.0
"""Seconds that a reader which is not attached yet has to read everything."""


class LogProbe:
    """`resilience.verbs.context.RunningProbe`."""

    def __init__(self, step: Step, context: ProbeContext, what: Log, promised: str) -> None:
        self._step, self._context, self._what = step, context, what
        self._promised = promised
        self._wanted = re.compile(what.absent or what.present)
        self._namespace = what.namespace or context.namespace
        self._view = context.view(PODS, self._namespace)
        self._first = {i.uid + i.container: i.number for i in self._running()}
        self._readers: dict[Instance, Reader] = {}
        self._matches = Matches()
        self._past = 0
        self._over = Event()
        self._look(begun=True)
        self._looker = Thread(target=self._watch, daemon=True, name="resilience-logs")
        self._looker.start()

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Return once the logs of all Pods are being followed and their existing content has been
        read."""

        def attached() -> bool:
            readers = list(self._readers.values())
            return bool(readers) and all(each.attached or each.whole for each in readers)

        if not self._context.clock.until(attached, deadline):
            raise NotMet(f"{self._promised}: {self._unread() or self._none()}")

    def progress(self) -> tuple[int, int]:
        """(lines read, lines that meet the requirement)."""
        lines = sum(reader.count for reader in list(self._readers.values()))
        return lines, lines if self._what.present else lines - len(self._matches)

    def below(self) -> str:
        """This probe has no abort condition."""
        return ""

    def stop(self) -> None:
        """Read the existing logs to the end. Idempotent."""
        if self._over.is_set():
            return
        self._look()
        self._over.set()
        self._looker.join()
        for reader in self._readers.values():
            reader.finish(FINISH)

    def judge(self, window: Window) -> Sequence[Finding]:
        """A match decides; its absence decides only if everything was read."""
        lines, unread = self.progress()[0], self._unread()
        if text := self._matches.told(window):
            result = Result.FAILED if self._what.absent else Result.PASSED
        elif self._readers and not self._lived(window):
            result = Result.NOT_MEASURED
            text = f"every Pod with {self._what.pods} had finished before"
        elif unread or not self._readers or not lines:
            result = Result.NOT_MEASURED
            text = unread or "no line was read: do these Pods write to standard output?"
            text = text if self._readers else f"no Pod with {self._what.pods} ran"
        else:
            result = Result.PASSED if self._what.absent else Result.FAILED
            text = f"none of {many(lines, 'line')} of {many(len(self._readers), 'container')}"
        return [watched(self.name, "lines", result, promised=self._promised, measured=text)]

    def record(self) -> ProbeRecord:
        """No samples, but the matching lines and how much was read of each container."""
        read = {str(each): [reader.count, reader.whole] for each, reader in self._readers.items()}
        matches = [[each.at, each.pod, each.text] for each in self._matches.kept()]
        dropped = len(self._matches) - len(matches)
        facts = {"kind": "log", "read": read, "matches": matches, "dropped": dropped}
        return ProbeRecord(
            name=self.name, title=self._step.title, rate=0.0, samples=(), facts=facts
        )

    def _none(self) -> str:
        """Why there is nothing to read."""
        there = [pod for pod in self._view.objects() if _matches(self._what.pods, pod)]
        names = sorted({str(each["name"]) for pod in there for each in
                        objects.container_statuses(pod)})  # fmt: skip
        if not names or self._what.container in ("", *names):
            return "no Pod with these labels runs"
        meant = did_you_mean(self._what.container, names)
        return (
            f"they have no container {self._what.container}; there are: {', '.join(names)}{meant}"
        )

    def _lived(self, window: Window) -> bool:
        """Whether any of the Pods could still write a line within the window."""
        there = [*living(self._context.history(PODS), window.since), *self._view.objects()]
        return any(_matches(self._what.pods, pod) and not objects.is_finished(pod) for pod in there)

    def _unread(self) -> str:
        """Which log is missing, and why; "" if none is."""
        over = self._over.is_set()
        for instance, reader in list(self._readers.items()):
            if not (reader.whole or (reader.attached and not over)):
                why = reader.trouble or "its log could not be read to the end"
                return f"{instance}: {printable(why)}"
        return ""

    def _heard(self, pod: str, text: str, at: float) -> None:
        if self._wanted.search(text):
            self._matches.add(at, pod, text)

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            self._look()

    def _look(self, *, begun: bool = False) -> None:
        """Start a reader for each instance without one, including instances that were missed in
        between. `begun` says whether they may have written lines before the probe started."""
        events = self._context.history(PODS)
        for event in events[self._past :]:
            self._follow(event.object, begun=begun)
        self._past = len(events)
        for pod in self._view.objects():
            self._follow(pod, begun=begun)

    def _follow(self, pod: Object, *, begun: bool) -> None:
        for last in self._of(pod):
            first = self._first.setdefault(last.uid + last.container, 0)
            for number in range(first, last.number + 1):
                instance = Instance(uid=last.uid, pod=last.pod, namespace=last.namespace,
                                    container=last.container, number=number)  # fmt: skip
                if instance not in self._readers:
                    self._readers[instance] = Reader(
                        instance, self._context.cluster, self._heard,
                        partial(self._present, instance), begun=begun,
                    )  # fmt: skip

    def _present(self, wanted: Instance) -> tuple[int, bool] | None:
        """The current (run, whether it runs and may stay) of that container."""
        pod = self._view.by_uid(wanted.uid)
        if pod is None:
            return None
        stays = not objects.is_terminating(pod)
        for status in objects.container_statuses(pod):
            if status["name"] == wanted.container:
                running = "running" in (status.get("state") or {})
                return int(status.get("restartCount") or 0), running and stays
        return None

    def _running(self) -> Iterator[Instance]:
        for pod in self._view.objects():
            yield from self._of(pod)

    def _of(self, pod: Object) -> Iterator[Instance]:
        """The latest instance of each container that has started."""
        if not _matches(self._what.pods, pod) or objects.namespace(pod) != self._namespace:
            return
        for status in objects.container_statuses(pod):
            name = str(status["name"])
            state = status.get("state") or {}
            number = int(status.get("restartCount") or 0)
            if self._what.container not in ("", name):
                continue
            if "waiting" in state or not state:
                number -= 1  # in a back-off: the last instance that ran
            if number >= 0:
                yield Instance(
                    uid=objects.uid(pod), pod=objects.name(pod), namespace=self._namespace,
                    container=name, number=number,
                )  # fmt: skip


def _matches(selector: Selector, pod: Object) -> bool:
    return selector.matches(objects.labels(pod))
