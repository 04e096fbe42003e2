"""Proof that a cluster enforces NetworkPolicies: two canary Pods, and the same wall between them.

A network plugin without support for policies accepts one and ignores it. So before any Pod is cut
off, a client connects to a server (the control: it must succeed), the wall is put between these two
alone, and the client must then be refused. Both are removed again, also after a `kill -9`. They are
scheduled and pull images like the Pods to be cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resilience.actions.network.network_policies import Wall, Way, policy
from resilience.actions.undo import object_undo
from resilience.cluster import helper_pods, wall_canary
from resilience.cluster.errors import NotFound
from resilience.cluster.helper_pods import HelperPod
from resilience.cluster.interface import PODS, POLICIES, Cluster, Object, Resource
from resilience.cluster.stand_in import StandIn
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.verbs.context import ActionContext, ActionFailed, Refused

PORT = 18080
PART = "resilience/canary"
_LISTEN = f"""
import signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = socket.create_server(("0.0.0.0", {PORT}), backlog=64)
while True:
    server.accept()[0].close()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One created object and the description of its undo."""

    resource: Resource
    obj: Object
    undo: str


def prove(wall: Wall, ways: Sequence[Way], stands_in: StandIn, context: ActionContext) -> str:
    """Return what was observed; raise Refused unless the cluster enforces such policies. Everything
    is removed."""
    made: list[Made] = []
    try:
        listen = ["python", "-u", "-c", _LISTEN]
        server = _create(PODS, _pod("server", listen, stands_in, context), made, context)
        address = _address(server, context)
        connect = wall_canary.command(address, str(PORT), control=True)
        client = _create(PODS, _pod("client", connect, stands_in, context), made, context)
        _opened(client, context)
        others = {"ingress": _address(client, context), "egress": address}
        for way in ways:
            _create(POLICIES, _between(wall, way, others[way], context), made, context)
        _shut(client, context)
    finally:
        if not context.aborted:  # otherwise the undo removes them
            _take_away(made, context)
    return "a canary's connection was cut by the same policy"


def create(resource: Resource, body: Object, text: str, context: ActionContext) -> Made:
    """Create one object, with its undo."""
    data = object_undo.creation(resource, body, str(context.run))
    undo = context.will_undo(data, text)
    obj = context.cluster.create(resource, body, context.namespace)
    context.amend_undo(undo, object_undo.made(resource, data, obj))
    return Made(resource=resource, obj=obj, undo=undo)


def remove(made: Made, context: ActionContext) -> None:
    """Delete the object now, so that nothing is left to undo."""
    name = objects.name(made.obj)
    try:
        context.cluster.delete(
            made.resource,
            name,
            context.namespace,
            uid=objects.uid(made.obj),
            grace=0 if made.resource == PODS else None,
        )
    except NotFound:
        pass
    context.forget_undo(made.undo)


def metadata(name: str, context: ActionContext, **labels: str) -> dict[str, object]:
    """Labels of everything that this action creates; such Pods are never victims and never
    counted."""
    return {
        "name": name,
        "namespace": context.namespace,
        "labels": {**labels, **helper_pods.marks("canary")},
        "annotations": {object_undo.RUN: str(context.run)},
    }


def _create(resource: Resource, body: Object, made: list[Made], context: ActionContext) -> Object:
    text = f"delete the canary's {resource.kind} {objects.name(body)}"
    made.append(create(resource, body, text, context))
    return made[-1].obj


def _take_away(made: Sequence[Made], context: ActionContext) -> None:
    for each in reversed(made):
        remove(each, context)


def _name(part: str, context: ActionContext) -> str:
    return f"resilience-canary-{part}-{context.random.randrange(16**6):06x}"


def _pod(part: str, command: Sequence[str], stands_in: StandIn, context: ActionContext) -> Object:
    helper = replace(
        like(context.namespace, context.cluster),
        name=_name(part, context),
        command=command,
        labels={PART: part},
        annotations={object_undo.RUN: str(context.run)},
        stands_in=stands_in,
    )
    return helper.body()


def like(namespace: str, cluster: Cluster) -> HelperPod:
    """A canary that does not yet imitate another Pod."""
    return HelperPod(
        name="resilience-canary",
        namespace=namespace,
        purpose="canary",
        command=["python"],
        image=helper_pods.image(cluster),
        grace=1,
    )


def _between(wall: Wall, way: Way, other: str, context: ActionContext) -> Object:
    """The same wall for the two Pods: the client is cut off for egress, the server for ingress.
    `other` is the address of the other canary."""
    sides = ("client", "server") if way == "egress" else ("server", "client")
    subject, peer = (Selector.parse(f"{PART}={side}") for side in sides)
    same = Wall(
        subject=subject,
        peer=None if wall.peer is None else peer,
        addresses=(other,) if wall.addresses else (),
        ports=(PORT,) if wall.ports else (),
        dns=wall.dns,
    )
    return policy(metadata(_name(way, context), context), same, [way])


def _seen(pod: Object, context: ActionContext) -> Object:
    now = context.view(PODS, context.namespace).by_uid(objects.uid(pod))
    return pod if now is None else now


def _address(pod: Object, context: ActionContext) -> str:
    """The Pod, once it runs or has ended."""

    def known() -> bool:
        status = _seen(pod, context).get("status") or {}
        return status.get("phase", "Pending") != "Pending" and bool(status.get("podIP"))

    if not context.clock.until(known, context.deadline):
        raise ActionFailed(_did_not_run(pod, context))
    return str(_seen(pod, context)["status"]["podIP"])


def _did_not_run(pod: Object, context: ActionContext) -> str:
    why = helper_pods.why_not_running(_seen(pod, context))
    return f"the canary {objects.title(pod)} did not run in time: {why}; no Pod was cut off"


def _opened(client: Object, context: ActionContext) -> None:
    """The control: without the wall the connection succeeds."""

    def running() -> bool:
        return objects.phase(_seen(client, context)) in ("Running", "Succeeded", "Failed")

    if not context.clock.until(running, context.deadline):
        raise ActionFailed(_did_not_run(client, context))
    with context.cluster.logs(objects.name(client), context.namespace) as lines:
        if next(iter(lines), b"").strip() == b"open":
            return
    raise ActionFailed(
        "the canary could not connect before anything was cut, so nothing can be proven: another "
        "NetworkPolicy of the namespace may block it; no Pod was cut off"
    )


def _shut(client: Object, context: ActionContext) -> None:
    def ended() -> bool:
        return objects.is_finished(_seen(client, context))

    end = min(context.deadline, context.clock.monotonic() + wall_canary.PATIENCE)
    context.clock.until(ended, end)
    if helper_pods.exit_code(_seen(client, context)) != wall_canary.SHUT:
        raise Refused(f"{wall_canary.NOT_ENFORCED}; no Pod was cut off")
