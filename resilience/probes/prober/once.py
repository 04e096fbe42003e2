"""A probe's request sent once, as a check: the same agent, the same rules for a good answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from resilience.model.samples import Answer
from resilience.model.words import span
from resilience.probes.prober.backing import Looking
from resilience.probes.prober.launch import Launch
from resilience.probes.prober.samples import SampleLog
from resilience.verbs.context import NotMet

STARTING = 5.0
"""Seconds that an agent may take to start and end, beyond the request's own timeout."""

STARTING_IN_POD = 60.0
"""The same of one in a Pod, whose node may have to pull its image."""


class Asking(Looking, Protocol):
    """What a single request needs of a context."""

    @property
    def directory(self) -> Path: ...
    def address(self, service: str, port: str | int, namespace: str) -> tuple[str, int]: ...
    def service_port(self, service: str, port: str | int, namespace: str) -> int: ...


def ask_once(
    configuration: Mapping[str, Any],
    target: str,
    launch: Launch,
    doubt: Callable[[], str] = lambda: "",
) -> str:
    """One sentence about a good answer; otherwise NotMet with the actual answer and the text of
    `doubt`. A request that was never sent says nothing about the target: the result is unknown."""
    log = SampleLog()
    agent = launch({**configuration, "rate": 1, "limit": 1}, log, lambda: None)
    agent.wait(configuration["timeout"] + (STARTING_IN_POD if agent.where else STARTING))
    agent.stop()
    if not len(log):
        why = agent.trouble or agent.waiting or "no answer was recorded"
        raise NotMet(f"{target}: {why}", unknown=True)
    sample = log[0]
    if sample.answer is Answer.GOOD:
        status = f" with status {sample.status}" if sample.status else ""
        return f"{target} answered{status} after {span(sample.latency)}"
    reasons = [text for _, text in agent.reasons] or [agent.trouble] * bool(agent.trouble)
    said = ": ".join([f"{target}: {sample.answer.value}", *reasons[:1]])
    unsent = sample.answer is Answer.UNSENT
    raise NotMet("; ".join(filter(None, (said, doubt()))), unknown=unsent)
