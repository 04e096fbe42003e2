"""The `journey` probe at work: one user after another on threads of this process, by httpx.

A step that fails ends its journey. Steps are counted apart: of the journeys that reached a step,
how many it failed. These rows say where users were lost; the journey's own objectives decide.
"""

from __future__ import annotations

import json
import os
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from resilience.model.finding import unobserved
from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.model.scenario import Step
from resilience.model.verdict import Finding, Result, Window
from resilience.model.words import counts, span
from resilience.probes.kinds.web.json_place import USE, found
from resilience.probes.kinds.web.redirects import answered, body
from resilience.probes.prober.asker import Ask, Never, Reply, asking
from resilience.probes.prober.running import AgentProbe
from resilience.probes.prober.server import library, token
from resilience.verbs.context import NotMet

if TYPE_CHECKING:
    from resilience.probes.kinds.web.journey import Journey, Stop
    from resilience.verbs.context import ProbeContext

NEAR = 1 << 16
"""Bytes of an answer among which its excerpt is masked."""

FAILURES: Sequence[tuple[str, Answer]] = (
    ("ConnectTimeout", Answer.TIMEOUT), ("ReadTimeout", Answer.TIMEOUT),
    ("WriteTimeout", Answer.TIMEOUT), ("PoolTimeout", Answer.TIMEOUT),
    ("RemoteProtocolError", Answer.PROTOCOL), ("LocalProtocolError", Answer.PROTOCOL),
    ("TimeoutError", Answer.TIMEOUT), ("ReadError", Answer.RESET), ("WriteError", Answer.RESET),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """One step of one journey. Monotonic seconds."""

    at: float
    name: str
    answer: Answer
    seconds: float


class Traveller:
    """Makes journeys, from several threads; `taken` are the steps of all of them."""

    def __init__(self, what: Journey, base: str, host: str, ca: str, token: str) -> None:
        self._what, self._base = what, base
        self._headers = {"Host": host} if host else {}
        self._more = {"sni_hostname": host} if host else {}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._trusted = ssl.create_default_context(cafile=ca or None)  # 30 ms: once for all
        self._lock = Lock()
        self.taken: list[Taken] = []

    def opened(self) -> Ask:
        """Journeys of one thread; Never where httpx is not installed."""
        httpx = library("httpx", "http2")

        def ask() -> Reply:
            end = time.monotonic() + self._what.timeout.seconds
            with httpx.Client(base_url=self._base, http2=self._what.http2, verify=self._trusted,
                              headers=self._headers, trust_env=False) as client:  # fmt: skip
                return self._travel(httpx, client, end)

        return ask

    def _travel(self, httpx: Any, client: Any, end: float) -> Reply:
        kept: dict[str, str] = {}
        for stop in self._what.steps:
            began = time.monotonic()
            try:
                reply = _visit(stop, client, kept, end - began, self._more)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
                reply = Reply(_failure(error), excerpt(str(error), 100))
            now = time.monotonic()
            with self._lock:
                self.taken.append(Taken(began, stop.name, reply.answer, now - began))
            if reply.answer is not Answer.GOOD:
                return Reply(reply.answer, f"{stop.name}: {reply.text}")
        return Reply(Answer.GOOD)


def _visit(
    stop: Stop, client: Any, kept: dict[str, str], left: float, more: Mapping[str, str]
) -> Reply:
    if left <= 0:
        return Reply(Answer.TIMEOUT, "no time was left for it")
    end = time.monotonic() + left
    request = client.build_request(
        stop.method, _filled(stop.path, kept), content=_filled(stop.body, kept) or None,
        headers={name: _filled(text, kept) for name, text in stop.headers.items()}, timeout=left,
        extensions=dict(more),
    )  # fmt: skip
    answer, why = answered(client, request, stop.redirects, end)
    try:
        data = body(answer, end)
    finally:
        answer.close()
    if data is None:
        return Reply(Answer.TIMEOUT, "the body did not end")
    reply = _judged(stop, int(answer.status_code), data, kept)
    wrong = reply.answer is Answer.STATUS
    return Reply(reply.answer, f"{reply.text} {why}".strip()) if wrong else reply


def _judged(stop: Stop, status: int, body: bytes, kept: dict[str, str]) -> Reply:
    wanted = (stop.status,) if isinstance(stop.status, int) else stop.status
    if status not in wanted if wanted else not 200 <= status <= 299:
        return Reply(Answer.STATUS, f"status {status}")
    if stop.contains.encode() not in body:
        return Reply(Answer.BODY, excerpt(body[:NEAR].decode("utf-8", "replace"), 80))
    if not (stop.json or stop.keep):
        return Reply(Answer.GOOD)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(Answer.BODY, "the body is no JSON")
    for place, text in stop.json.items():
        if (value := found(document, place)) != text:
            told = f"there is no {place}" if value is None else f"{place} is {excerpt(value, 60)}"
            return Reply(Answer.BODY, f"{told}, expected {text}")
    for name, place in stop.keep.items():
        value = found(document, place)
        if value is None:
            return Reply(Answer.BODY, f"there is no {place}")
        kept[name] = value
    return Reply(Answer.GOOD)


def _filled(text: str, kept: Mapping[str, str]) -> str:
    return USE.sub(lambda match: kept.get(match[1], match[0]), text)


def _failure(error: Exception) -> Answer:
    """httpx's own names, and the words of a connection that was never made."""
    name, text = type(error).__name__, str(error).lower()
    if "ssl" in text or "certificate" in text:
        return Answer.TLS
    if name == "ConnectError":
        known = (("refused", Answer.REFUSED), ("name", Answer.NAME), ("reset", Answer.RESET))
        return next((answer for word, answer in known if word in text), Answer.UNREACHABLE)
    return dict(FAILURES).get(name, Answer.WRONG)


def travelled(journey: Journey, context: Any) -> Traveller:
    """Ready to travel; NotMet where the Service or the token cannot be had."""
    namespace = journey.namespace or context.namespace
    base, name = journey.url.rstrip("/"), ""
    if journey.service:
        host, port = context.address(journey.service, journey.port, namespace)
        base, name = f"{journey.scheme}://{host}:{port}", f"{journey.service}.{namespace}"
    held = token(journey.token, context, namespace) if journey.token else ""
    try:
        library("httpx", "http2")  # here, not while the first users wait
    except Never as error:
        raise NotMet(str(error), final=True) from error
    ca = os.fspath(context.directory / journey.ca) if journey.ca else ""
    return Traveller(journey, base, name, ca, held)


class JourneyProbe(AgentProbe):
    """The journey's own findings, and a row for each step."""

    def __init__(
        self, step: Step, context: ProbeContext, traveller: Traveller, target: str
    ) -> None:
        journey: Journey = step.parameters
        self._traveller = traveller
        self._stops = [stop.name for stop in journey.steps]
        launch: Callable[..., Any] = asking(traveller.opened)
        super().__init__(step, context, {"timeout": journey.timeout.seconds}, target,
                         {"kind": "journey", "steps": self._stops}, launch)  # fmt: skip

    def judge(self, window: Window) -> Sequence[Finding]:
        """As one, then step by step."""
        own = list(super().judge(window))
        inside = [t for t in list(self._traveller.taken) if window.since <= t.at < window.until]
        return [*own, *(self._row(window, name, inside, own) for name in self._stops)]

    def _row(
        self, window: Window, name: str, taken: Sequence[Taken], own: Sequence[Finding]
    ) -> Finding:
        mine = [each for each in taken if each.name == name]
        bad = Counter(each.answer.value for each in mine if each.answer is not Answer.GOOD)
        good = sorted(each.seconds for each in mine if each.answer is Answer.GOOD)
        result = self._result(len(mine), len(good), own)
        text = f"{sum(bad.values())} of {len(mine)} failed" if mine else "no user reached it"
        text += f" ({counts(bad)})" if bad else ""
        text += f", half of the others within {span(good[len(good) // 2])}" if good else ""
        return Finding(
            name=window.called(self.name, "_".join(name.split())), subject=self.name,
            during=window.name, result=result, promised=f"`{name}` answers as expected",
            reason=unobserved(result), measured=text,
        )  # fmt: skip

    def _result(self, planned: int, good: int, own: Sequence[Finding]) -> Result:
        """A step is to blame only where the journey failed, and the step lost more of its users
        than the journey may. One that did so passes only where the journey's objectives hold."""
        wanted = self._step.objective and self._step.objective.availability
        over = planned - good > planned * (1 - wanted.exact if wanted else 0)
        if planned and over and any(each.result is Result.FAILED for each in own):
            return Result.FAILED
        held = bool(own) and all(each.result is Result.PASSED for each in own)
        if not planned or (over and not (held and good)):
            return Result.NOT_MEASURED
        return Result.PASSED
