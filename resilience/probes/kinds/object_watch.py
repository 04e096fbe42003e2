"""The `kubernetes` probe at work: the run's own watch, read back when it stops.

The state between two events is known, because a watch shows every change; the state before the
first event is that of the listing. The run begins only after the fact was seen to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.cluster.interface import Object, Resource, WatchEvent
from resilience.cluster.watching.lives import living
from resilience.kube import objects, readiness
from resilience.model.nearest import did_you_mean
from resilience.model.report import ProbeRecord
from resilience.model.scenario import Step
from resilience.model.verdict import Finding, Outage, Result, Unit, Window
from resilience.model.words import many, span
from resilience.probes.findings import watched
from resilience.verbs.context import NotMet, ProbeContext

if TYPE_CHECKING:
    from resilience.probes.kinds.kubernetes import Condition, Count, Kubernetes

SERVICE = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """The state from a certain time on, as text."""

    at: float
    holds: bool
    text: str


class ObjectProbe:
    """`resilience.verbs.context.RunningProbe`."""

    def __init__(
        self,
        step: Step,
        context: ProbeContext,
        what: Kubernetes,
        promised: str,
        resource: Resource,
    ) -> None:
        self._step, self._context, self._what = step, context, what
        self._promised, self._resource = promised, resource
        self._namespace = what.namespace or context.namespace
        space = self._namespace if self._resource.namespaced else ""
        self._view = context.view(self._resource, space)
        self._states: list[ObjectState] = []
        self._stopped: float | None = None

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Return once it holds; NotMet with what was seen instead."""

        def now() -> ObjectState:
            present = {_key(each): each for each in self._view.objects()}
            return self._state(self._context.clock.monotonic(), present)

        if not self._context.clock.until(lambda: now().holds, deadline):
            raise NotMet(f"expected {self._promised}; observed {now().text}{self._nowhere()}")

    def _nowhere(self) -> str:
        """What a number of 0 endpoints does not say: no Pod is behind the Service, or there is no
        such Service."""
        if self._what.endpoints is None:
            return ""
        service, there = self._what.endpoints.service, self._view.objects()
        mine = [each for each in there if _slice_of(service, each)]
        if any(each.get("endpoints") for each in mine):
            return ""
        if mine:
            return f"; the selector of Service {self._namespace}/{service} matches no Pod"
        names = sorted({objects.labels(each).get(SERVICE, "") for each in there} - {""})
        meant = did_you_mean(service, names)
        return f"; no Service {self._namespace}/{service} has an EndpointSlice{meant}"

    def progress(self) -> tuple[int, int]:
        """(changes seen, changes after which the fact held)."""
        states = self._states or self._read()
        return len(states), sum(state.holds for state in states)

    def below(self) -> str:
        """This probe has no abort condition."""
        return ""

    def stop(self) -> None:
        """Keep what was seen. Idempotent."""
        if self._stopped is None:
            self._stopped = self._context.clock.monotonic()
            self._states = self._read()

    def judge(self, window: Window) -> Sequence[Finding]:
        """The longest time for which the fact did not hold."""
        assert self._stopped is not None, "judged after stop"
        if unseen := self._nobody(window):
            return [self._finding(Result.NOT_MEASURED, unseen)]
        broken = spans(self._states, window)
        if broken is None:
            return [self._finding(Result.NOT_MEASURED, "nothing was seen before the first action")]
        limit = self._what.longest.seconds
        worst = max((until - state.at for state, until in broken), default=0.0)
        outages = tuple(Outage(since=state.at, until=until, resolution=0.0, lost=0)
                        for state, until in broken)  # fmt: skip
        if not broken:
            return [self._finding(Result.PASSED, "it held all the time", 0.0)]
        longest = max(broken, key=lambda each: each[1] - each[0].at)
        lasting = " and still then" if longest[1] >= window.until else ""
        text = f"{longest[0].text}, for {span(worst)}{lasting}"
        failed = worst > limit
        if not failed and lasting:
            return [self._finding(Result.NOT_MEASURED, f"{text}: not over when measuring ended",
                                  worst, outages)]  # fmt: skip
        return [self._finding(Result.FAILED if failed else Result.PASSED, text, worst, outages)]

    def record(self) -> ProbeRecord:
        """No samples, but what the watch showed."""
        told = [[state.at, state.holds, state.text] for state in self._states]
        facts = {"kind": "kubernetes", "states": told}
        return ProbeRecord(
            name=self.name, title=self._step.title, rate=0.0, samples=(), facts=facts
        )

    def _finding(
        self, result: Result, measured: str, value: float | None = None,
        outages: tuple[Outage, ...] = (),
    ) -> Finding:  # fmt: skip
        return watched(
            self.name, "holds", result, promised=self._promised, measured=measured,
            unit=Unit.SECONDS, limit=self._what.longest.seconds, value=value, outages=outages,
        )  # fmt: skip

    def _read(self) -> list[ObjectState]:
        present: dict[tuple[str, str], Object] = {}
        states: list[ObjectState] = []
        for event in self._events():
            if event.type == "DELETED":
                present.pop(_key(event.object), None)
            else:
                present[_key(event.object)] = event.object
            state = self._state(event.received, present)
            if states and states[-1].at == state.at:
                states.pop()  # several at once, as in a listing: only the final state counts
            if not states or (states[-1].holds, states[-1].text) != (state.holds, state.text):
                states.append(state)
        return states

    def _nobody(self, window: Window) -> str:
        """Why nothing can be said: no living Pod had the labels, so none could be one too many."""
        count = self._what.count
        if count is None or any(
            _counts(count, pod) for pod in living(self._events(), window.since)
        ):
            return ""
        return f"no unfinished Pod in {self._namespace} had the labels {count.pods} during the run"

    def _events(self) -> Sequence[WatchEvent]:
        here = self._namespace if self._resource.namespaced else ""
        return [event for event in self._context.history(self._resource)
                if objects.namespace(event.object) == here]  # fmt: skip

    def _state(self, at: float, present: Mapping[tuple[str, str], Object]) -> ObjectState:
        what = self._what
        if what.condition is not None:
            return _condition(at, what.condition, present.values())
        if what.endpoints is not None:
            number = _endpoints(what.endpoints.service, list(present.values()))
            text = f"{many(number, 'ready endpoint')} of {what.endpoints.service}"
            return ObjectState(at=at, holds=number >= what.endpoints.at_least, text=text)
        assert what.count is not None, "checked"
        count = what.count
        number = sum(readiness.serves(pod) for pod in present.values() if _counts(count, pod))
        least = count.at_least is None or number >= count.at_least
        most = count.at_most is None or number <= count.at_most
        return ObjectState(
            at=at, holds=least and most, text=f"{many(number, 'ready Pod')} {count.pods}"
        )


def spans(states: Sequence[ObjectState], window: Window) -> list[tuple[ObjectState, float]] | None:
    """(violating state, its end) within the window; None if the state at the beginning is
    unknown."""
    if not states or states[0].at > window.since:
        return None
    ends = [*(state.at for state in states[1:]), window.until]
    found: list[tuple[ObjectState, float]] = []
    for state, end in zip(states, ends, strict=True):
        since, until = max(state.at, window.since), min(end, window.until)
        if state.holds or until <= since:
            continue
        if found and found[-1][1] == since:  # the same violation continued with another text
            found[-1] = found[-1][0], until
        else:
            found.append((ObjectState(at=since, holds=False, text=state.text), until))
    return found


def _slice_of(service: str, obj: Object) -> bool:
    return objects.labels(obj).get(SERVICE) == service


def _counts(count: Count, pod: Object) -> bool:
    return count.pods.matches(objects.labels(pod)) and not objects.is_ours(pod)


def _endpoints(service: str, slices: Sequence[Object]) -> int:
    """How many serve: a Pod of a dual-stack Service has an address in a slice of each family."""
    ready = {
        str((endpoint.get("targetRef") or {}).get("uid") or address)
        for each in slices
        if _slice_of(service, each)
        for endpoint in each.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or ()
    }
    return len(ready)


def _condition(at: float, wanted: Condition, present: Iterable[Object]) -> ObjectState:
    named = [each for each in present if objects.name(each) == wanted.of.name]
    if not named:
        return ObjectState(at=at, holds=False, text=f"{wanted.of} does not exist")
    conditions = (named[0].get("status") or {}).get("conditions") or ()
    found = next((each for each in conditions if each.get("type") == wanted.type), None)
    status = str(found.get("status")) if found else "absent"
    reason = f" ({found['reason']})" if found and found.get("reason") else ""
    return ObjectState(at=at, holds=status == wanted.status,
                 text=f"{wanted.of} {wanted.type}={status}{reason}")  # fmt: skip


def _key(obj: Object) -> tuple[str, str]:
    return objects.namespace(obj), objects.name(obj)
