"""`command`: runs a command in Pods at a fixed rate, as `kubectl exec` does, and judges its result.

Use it for facts that only the service's own tools can report: `pg_isready`, `rabbitmq-diagnostics`,
a file that must be there. The ready Pods with the labels take turns. An exec counts as a change, so
the target has to allow it, and the command itself must not change anything: nothing undoes it.

It goes through the API server. If the API server does not answer, the command was not sent, and its
result is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.probes.complaints import of_expression, of_timeout
from resilience.probes.prober.asker import asking

if TYPE_CHECKING:
    from resilience.probes.prober.once import Asking
    from resilience.verbs.context import ProbeContext, RunningProbe

GRACE = 2.0
"""Seconds, in addition to the command's timeout, for the API server to show that it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Where to run which command, and which result is good."""

    pods: Selector = parameter("Pods with these labels; ready ones take turns.",
                               example="app=database")  # fmt: skip
    command: tuple[str, ...] = parameter(
        "The program and its arguments; it must not change anything.",
        at_least=1, example="[pg_isready, -q]",
    )  # fmt: skip
    container: str = parameter("The container; the Pod's first by default.", default="")
    namespace: str = parameter("Namespace of the Pods, if not the scenario's.", default="")
    depends_on: Selector | None = parameter(
        "Other Pods that these depend on: harm to them counts as harm to these.",
        default=None,
        example="app=database",
    )
    code: int = parameter("The expected exit code.", default=0, at_least=0, at_most=255)
    expect: str = parameter(
        "What the command must print, ignoring surrounding white space.", default="", example="PONG"
    )
    contains: str = parameter("Text that its output must contain.", default="")
    matches: str = parameter("Regular expression that its output must match.", default="")
    timeout: Duration = parameter(
        "A command that has not ended after this time has failed.",
        default=Duration.of(5), example="5s",
    )  # fmt: skip


def _check(command: Command) -> Iterator[Complaint]:
    yield from of_expression("matches", command.matches)
    if any("\0" in word for word in command.command) or not command.command[0].strip():
        yield Complaint(field="command", message="`command` cannot be executed",
                        expected="a program and its arguments")  # fmt: skip
    yield from of_timeout(command.timeout)


def _describe(command: Command) -> str:
    return f"run `{' '.join(command.command)}` in Pods {command.pods}"


def _rights(command: Command, namespace: str) -> Sequence[Right]:
    wanted = (("list", "pods"), ("create", "pods/exec"), ("get", "pods/exec"))
    where = command.namespace or namespace
    return [Right(verb=v, group="", resource=r, namespace=where) for v, r in wanted]


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Start running it."""
    from resilience.probes.kinds.pod_commands import PodCommands
    from resilience.probes.prober.running import AgentProbe

    command: Command = step.parameters
    pods = PodCommands(command, context.cluster, command.namespace or context.namespace)
    given = {"timeout": command.timeout.seconds + GRACE}
    return AgentProbe(step, context, given, _describe(command), {"kind": "command"},
                      asking(lambda: pods.ask))  # fmt: skip


def ask(command: Command, context: Asking) -> str:
    """Run it once; raise NotMet unless the result is good."""
    from resilience.probes.kinds.pod_commands import PodCommands
    from resilience.probes.prober.once import ask_once

    pods = PodCommands(command, context.cluster, command.namespace or context.namespace)
    given = {"timeout": command.timeout.seconds + GRACE}
    return ask_once(given, _describe(command), asking(lambda: pods.ask))


VERB = Verb(
    name="command",
    family=Family.PROBE,
    summary="Run a command in Pods at a fixed rate, as `kubectl exec` does, and judge its result.",
    parameters=Command,
    phases=frozenset(Phase),
    never={"agents": "the API server runs the command in the Pods themselves"},
    run=run,
    ask=ask,
    describe=_describe,
    check=lambda command: list(_check(command)),
    rights=_rights,
    example=(
        "- command: {pods: app=database, command: [pg_isready, -q]}\n"
        "  rate: 5/s\n"
        "  objective: {longest_outage: 5s}\n"
    ),
)
