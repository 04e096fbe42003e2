"""`exec`: runs a command in Pods, as `kubectl exec` does.

The effect of a command cannot be undone, so the step needs `lasting: true`. It cannot crash a Pod:
a signal from inside does not reach process 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.actions.pods import pod_action
from resilience.actions.selection.choice import PodChoice, complaints
from resilience.cluster.interface import Object
from resilience.cluster.requests.command import Command
from resilience.kube import objects
from resilience.model.masks import ending
from resilience.model.verb import Complaint, Family, Phase, Residue, Verb, parameter
from resilience.verbs.context import ActionContext, ActionFailed, Fate, sparing

SHOWN = 500
"""Maximum number of characters of a command's output in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(PodChoice):
    """Parameters of `exec`."""

    command: tuple[str, ...] = parameter(
        "The program and its arguments.", at_least=1, example="[sh, -c, 'rm /tmp/cache']"
    )
    container: str = parameter("The container; the Pod's first by default.", default="")
    code: int = parameter("The expected exit code.", default=0, at_least=0, at_most=255)


def _check(exec_: Exec) -> Sequence[Complaint]:
    return complaints(exec_)


def _describe(exec_: Exec) -> str:
    return f"run `{' '.join(exec_.command)}` in {exec_.how_many} {exec_.which}"


def run(exec_: Exec, context: ActionContext) -> None:
    """Run the command in each chosen Pod, one after another; ActionFailed on an unexpected exit
    code."""
    chosen = pod_action.victims(exec_, context, mirrors=True)
    for pod in chosen:
        context.victim(pod, _describe(exec_), Fate.TOUCHED)
        _one(pod, exec_, context)


def _one(pod: Object, exec_: Exec, context: ActionContext) -> None:
    left = context.deadline - context.clock.monotonic()
    command = Command(
        namespace=objects.namespace(pod),
        pod=objects.name(pod),
        words=exec_.command,
        container=exec_.container,
        timeout=max(left, 0.1),
    )
    with sparing(context, pod):
        result = context.cluster.exec(command, cancelled=lambda: context.aborted)
    said = ending((result.stderr or result.stdout).decode(errors="replace"), SHOWN)
    if result.code != exec_.code:
        raise ActionFailed(
            f"`{' '.join(exec_.command)}` in {objects.title(pod)} ended with exit code "
            f"{result.code}, expected {exec_.code}{': ' + said if said else ''}"
        )
    context.proof(
        f"`{' '.join(exec_.command)}` in {objects.title(pod)} ended with exit code {result.code}",
        {"uid": objects.uid(pod), "output": said},
    )


def rehearse(exec_: Exec, context: ActionContext) -> None:
    """Report in which Pods the command would run; it cannot be tried without running it."""
    for pod in pod_action.victims(exec_, context, mirrors=True):
        context.victim(pod, _describe(exec_), Fate.TOUCHED)


VERB = Verb(
    name="exec",
    family=Family.ACTION,
    summary="Run a command in Pods, as `kubectl exec` does.",
    parameters=Exec,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    check=_check,
    rights=pod_action.rights(("create", "pods/exec"), ("get", "pods/exec")),
    residue=Residue.EVERYTHING,
    residue_text="The effect of the command stays.",
    proof="The exit code that the API server reports.",
    example="exec: {pods: app=checkout, command: [sh, -c, 'rm -rf /tmp/cache']}\nlasting: true",
)
