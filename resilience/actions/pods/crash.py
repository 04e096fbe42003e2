"""`crash`: a Pod's process dies abruptly. The Pod stays, and the kubelet restarts its container.

No API of Kubernetes does this: a DELETE gives notice, and a signal sent by exec from inside does
not reach process 1. The sandbox's kubelet can. On a real cluster it takes a privileged Pod with the
host's process namespace on the victim's node, which the target must allow (`privileged = true`);
elsewhere the step is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resilience.actions.pods import host_kill, host_pod, pod_action
from resilience.actions.selection.choice import PodChoice, complaints
from resilience.actions.undo import object_undo
from resilience.cluster.interface import Cluster, Object
from resilience.kube import objects, readiness
from resilience.model.verb import Complaint, Family, Phase, Residue, Verb, parameter
from resilience.verbs.context import ActionContext, Fate, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash(PodChoice):
    """Parameters of `crash`."""

    container: str = parameter(
        "The container; all containers of the Pod by default.", default="", example="web"
    )


def _check(crash: Crash) -> Sequence[Complaint]:
    return complaints(crash)


def _describe(crash: Crash) -> str:
    return f"crash {crash.how_many} {crash.which}"


def _possible(_: Crash, cluster: Cluster) -> None:
    if cluster.means.processes is None and not cluster.means.privileged:
        raise Refused(
            f"crash: {cluster.context} is a real cluster, where a process can only be ended from "
            "its node, and a signal by exec does not kill process 1; allow a privileged Pod there "
            "with `privileged = true` in the target, use `kill` with `grace: 0s`, or run this "
            "scenario on the sandbox"
        )


def _helpers(_: Crash, namespace: str, cluster: Cluster) -> Sequence[Object]:
    return () if cluster.means.processes else [host_pod.like("crash", namespace, cluster)]


def run(crash: Crash, context: ActionContext) -> None:
    """Kill the processes of the chosen Pods with SIGKILL, from outside."""
    cluster = context.cluster
    _possible(crash, cluster)
    chosen = pod_action.victims(crash, context, mirrors=True)
    for pod in chosen:
        context.victim(pod, _describe(crash), Fate.RESTARTED)
    if cluster.means.processes is not None:
        for pod in chosen:
            cluster.means.processes.end(cluster, pod, crash.container)
        pod_action.prove(chosen, context, _lost(chosen), "lost its process")
    else:
        host_kill.kill(chosen, crash.container, context)
        pod_action.prove(chosen, context, _restarted(chosen), "has another container")


def _lost(chosen: Sequence[Object]) -> Callable[[Object | None], bool]:
    before = {objects.uid(pod): objects.restarts(pod) for pod in chosen}

    def shows(now: Object | None) -> bool:
        if now is None or objects.is_terminating(now) or not readiness.is_ready(now):
            return True
        return objects.restarts(now) > before[objects.uid(now)]

    return shows


def _restarted(chosen: Sequence[Object]) -> Callable[[Object | None], bool]:
    """Proof of the crash. No API confirms it, so the kubelet must count a restart or report a new
    container id."""
    before = {objects.uid(pod): pod for pod in chosen}

    def shows(now: Object | None) -> bool:
        if now is None:
            return False
        old = before[objects.uid(now)]
        return objects.restarts(now) > objects.restarts(old) or _ids(now) != _ids(old)

    return shows


def _ids(pod: Object) -> list[str]:
    listed = objects.container_statuses(pod)
    return [str(each["containerID"]) for each in listed if each.get("containerID")]


def rehearse(crash: Crash, context: ActionContext) -> None:
    """Report which processes would be killed."""
    for pod in pod_action.victims(crash, context, mirrors=True):
        context.victim(pod, _describe(crash), Fate.RESTARTED)


VERB = Verb(
    name="crash",
    family=Family.ACTION,
    summary="Kill the process of a Pod's container without warning.",
    parameters=Crash,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    check=_check,
    shorthand="pods",
    rights=pod_action.rights(("get", "pods"), ("create", "pods"), ("delete", "pods")),
    residue=Residue.NAMED,
    spoils_given=True,
    residue_text="crashed containers count one more restart",
    possible=_possible,
    helpers=_helpers,
    undo=object_undo.undo,
    undo_text="The helper on the node is deleted.",
    proof="The watch shows the container restarted or the Pod not ready.",
    example="crash: {pods: app=checkout, count: 1}",
)
