"""Probers of this project on nodes that an action empties or stops.

A single prober keeps its node: nothing could be measured without it. An agent of several may be
lost with its node while another agent of the same prober is ready elsewhere: that one still
measures, and the report says what the lost one did not see. This holds for probers of this run;
another run would not know why its agent ended. An agent is neither a victim nor a workload, so an
action that moves nothing else has harmed nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from resilience.actions.pods import pod_action
from resilience.actions.undo.reverting import RUN
from resilience.cluster.helper_pods import AGENT_OF
from resilience.cluster.interface import PODS, Object
from resilience.kube import objects, readiness
from resilience.model.timeline import What
from resilience.model.words import many
from resilience.verbs.context import ActionContext, Refused


def is_agent(pod: Object) -> bool:
    """Whether it is one of the several Pods of a prober."""
    return objects.is_ours(pod) and AGENT_OF in objects.labels(pod)


def without_agents(pods: Sequence[Object]) -> list[Object]:
    """The Pods that an action on their nodes harms."""
    return [pod for pod in pods if not is_agent(pod)]


def spare(moving: Sequence[Object], context: ActionContext) -> None:
    """Refused when this test, or a prober that it measures with, would be lost; notes the agents
    that may be, before anything is sent. `moving` are all Pods that the action removes from its
    nodes."""
    from resilience.drain.filters import is_volume_helper

    probers = [pod for pod in moving if objects.is_ours(pod) and not objects.is_finished(pod)
               and not is_volume_helper(pod)]  # fmt: skip
    staying = {_prober(pod): _staying(pod, moving, context) for pod in probers if is_agent(pod)}
    needed = [pod for pod in probers if not staying.get(_prober(pod))]
    if needed:
        raise Refused(_refusal(needed))
    _spare_this_test(moving)
    for (namespace, name), left in staying.items():
        lost = [pod for pod in probers if _prober(pod) == (namespace, name)]
        nodes = ", ".join(sorted({objects.node(pod) for pod in lost}))
        context.note(What.NOTE, f"prober {namespace}/{name} has {many(len(lost), 'agent')} on "
                                f"{nodes}, and {many(left, 'agent')} elsewhere")  # fmt: skip


def _prober(pod: Object) -> tuple[str, str]:
    return objects.namespace(pod), objects.labels(pod).get(AGENT_OF, "")


def _staying(agent: Object, moving: Sequence[Object], context: ActionContext) -> int:
    """The number of agents beside this one that are ready and not moved; none counts if they are of
    another run."""
    if objects.labels(agent).get(RUN) != context.run:
        return 0
    moved = {objects.uid(pod) for pod in moving}
    namespace, name = _prober(agent)
    return sum(
        objects.uid(pod) not in moved and readiness.is_ready(pod)
        and not objects.is_terminating(pod) and not objects.is_finished(pod)
        for pod in context.cluster.list(PODS, namespace, labels=f"{AGENT_OF}={name}")
    )  # fmt: skip


def _refusal(needed: Sequence[Object]) -> str:
    names = ", ".join(map(objects.title, needed))
    if any(map(is_agent, needed)):
        return (
            f"{names} of this project runs on the chosen nodes, and no other agent of the same "
            "prober is ready elsewhere, so nothing could be measured; choose fewer nodes, or set "
            "`agents` to more"
        )
    return (
        f"{names} of this project runs on that node, and nothing could be measured without it; "
        "choose another node, probe from several nodes (`agents: 3`), or probe from outside the "
        "cluster (`via: direct`)"
    )


def _spare_this_test(moving: Sequence[Object]) -> None:
    own = pod_action.own_pod(os.environ)
    if own and own in [(objects.namespace(pod), objects.name(pod)) for pod in moving]:
        raise Refused(f"this test itself runs on that node, as Pod {'/'.join(own)}")
