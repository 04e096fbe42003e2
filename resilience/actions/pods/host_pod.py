"""A short-lived privileged Pod on a node, in the host's process namespace, that runs one program.

Only for real clusters whose target says `privileged = true`. The Pod is in the journal before it is
created, is bound to its node regardless of taints, lives for at most a minute, and is deleted as
soon as its program has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience.actions.network import canary
from resilience.actions.undo import object_undo
from resilience.cluster import helper_pods
from resilience.cluster.helper_pods import HelperAccess, HelperPod
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube import objects
from resilience.verbs.context import ActionContext, ActionFailed


def run(
    purpose: str, program: str, arguments: Mapping[str, Sequence[str]], context: ActionContext
) -> dict[str, int | None]:
    """Run the program on each node (the keys) with its arguments; the exit codes by node.

    ActionFailed when a helper does not run and end before the step's deadline.
    """
    made = []
    try:
        for node, words in sorted(arguments.items()):
            pod = body(purpose, node, [program, *words], context)
            text = f"delete the helper {objects.name(pod)} on {node}"
            made.append(canary.create(PODS, pod, text, context))
        return {objects.node(each.obj): _ended(each.obj, context) for each in made}
    finally:
        if not context.aborted:
            for each in made:
                canary.remove(each, context)


def body(purpose: str, node: str, program: Sequence[str], context: ActionContext) -> Object:
    """The Pod's manifest."""
    name = f"resilience-{purpose}-{context.random.randrange(16**6):06x}"
    marks = {object_undo.RUN: str(context.run)}
    return _helper(purpose, name, context.namespace, program, node, marks, context.cluster)


def like(purpose: str, namespace: str, cluster: Cluster) -> Object:
    """A sample helper Pod, to ask whether the namespace admits it."""
    return _helper(purpose, f"resilience-{purpose}", namespace, [""], "", {}, cluster)


def _helper(
    purpose: str,
    name: str,
    namespace: str,
    program: Sequence[str],
    node: str,
    annotations: Mapping[str, str],
    cluster: Cluster,
) -> Object:
    helper = HelperPod(
        name=name,
        namespace=namespace,
        purpose=purpose,
        command=["python", "-I", "-c", *program],
        image=helper_pods.image(cluster),
        annotations=annotations,
        lifetime=60,
        node=node,
        access=HelperAccess.HOST,
    )
    return helper.body()


def _ended(pod: Object, context: ActionContext) -> int | None:
    def now() -> Object:
        return context.view(PODS, context.namespace).by_uid(objects.uid(pod)) or pod

    if not context.clock.until(lambda: objects.is_finished(now()), context.deadline):
        raise ActionFailed(f"the helper {objects.title(pod)} did not run on {objects.node(pod)}: "
                           f"{helper_pods.why_not_running(now())}")  # fmt: skip
    return helper_pods.exit_code(now())
