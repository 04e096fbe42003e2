"""A short-lived privileged Pod on a node, in the host's process namespace, that runs one program.

Only for real clusters whose target says `privileged = true`. The Pod is in the journal before it is
created, is bound to its node in spite of taints, lives for a minute at most, and is deleted as soon
as its program has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resilience.actions.network import canary
from resilience.actions.undo import object_undo
from resilience.cluster import helper_pods
from resilience.cluster.helper_pods import Access, HelperPod
from resilience.cluster.interface import PODS, Object
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
    helper = HelperPod(
        name=f"resilience-{purpose}-{context.random.randrange(16**6):06x}",
        namespace=context.namespace,
        purpose=purpose,
        command=["python", "-I", "-c", *program],
        image=helper_pods.image(context.cluster),
        annotations={object_undo.RUN: str(context.run)},
        lifetime=60,
        node=node,
        access=Access.HOST,
    )
    return helper.body()


def _ended(pod: Object, context: ActionContext) -> int | None:
    def now() -> Object:
        return context.view(PODS, context.namespace).by_uid(objects.uid(pod)) or pod

    if not context.clock.until(lambda: objects.is_finished(now()), context.deadline):
        raise ActionFailed(f"the helper {objects.title(pod)} did not run on {objects.node(pod)}: "
                           f"{helper_pods.why_not_running(now())}")  # fmt: skip
    return helper_pods.exit_code(now())
