"""`log`: requires that a line appears, or does not appear, in the logs of Pods while the scenario
is judged.

It finds what users do not notice: a panic hidden by a restart, a fallback to defaults, an error of
a dependency. The logs are followed from the start, so that replaced Pods and restarted containers
are read as well. If a log could not be read, the result is not measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.step_reach import Reach
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_expression

if TYPE_CHECKING:
    from resilience.verbs.context import ProbeContext, RunningProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Which Pods to read, and which lines to look for."""

    pods: Selector = parameter("Pods with these labels.", example="app=checkout")
    absent: str = parameter(
        "Regular expression that no line may match.", default="", example="panic:|FATAL",
        one_of="line",
    )  # fmt: skip
    present: str = parameter(
        "Regular expression that a line must match.", default="", example="became leader",
        one_of="line",
    )  # fmt: skip
    container: str = parameter("Only this container; all of a Pod by default.", default="")
    namespace: str = parameter("Namespace of the Pods, if not the scenario's.", default="")


def _check(log: Log) -> Iterator[Complaint]:
    if not (log.absent or log.present):
        yield Complaint(
            field="",
            message="neither `absent` nor `present` is given",
            expected="`absent` or `present`",
        )
    for field in ("absent", "present"):
        text = getattr(log, field)
        wrong = list(of_expression(field, text))
        yield from wrong
        if text and not wrong and re.search(text, ""):
            yield Complaint(field=field, message=f"`{field}` matches every line",
                            expected="an expression that does not match an empty text")  # fmt: skip


def promised(log: Log) -> str:
    """In words."""
    if log.absent:
        return f"no line of Pods {log.pods} matches {log.absent!r}"
    return f"a line of Pods {log.pods} matches {log.present!r}"


def _rights(log: Log, namespace: str) -> Sequence[Right]:
    wanted = (("list", "pods"), ("watch", "pods"), ("get", "pods/log"))
    where = log.namespace or namespace
    return [Right(verb=v, group="", resource=r, namespace=where) for v, r in wanted]


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Begin to read."""
    from resilience.probes.kinds.logs.log_probe import LogProbe

    return LogProbe(step, context, step.parameters, promised(step.parameters))


VERB = Verb(
    name="log",
    family=Family.PROBE,
    summary="A line appears, or does not appear, in the logs of Pods while the scenario is judged.",
    parameters=Log,
    phases=frozenset({Phase.WHILE}),
    never={"agents": "lines are read through the API server, which has them all"},
    run=run,
    describe=promised,
    check=lambda log: list(_check(log)),
    measures=False,
    rights=_rights,
    touches=lambda log, namespace: Reach(),
    example='log: {pods: app=checkout, absent: "panic:|FATAL"}',
)
