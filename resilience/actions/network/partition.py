"""`partition`: `partition`: a NetworkPolicy cuts connections to or from Pods.

It cuts them between two selectors or from all peers, on some ports or on all. DNS is left alone
unless it is cut on purpose (`dns: true`, or `ports: [53]`). NetworkPolicies are additive: if
another policy already selects the Pods, one more cannot cut what that one allows. Such a step is
refused. A canary first proves that the cluster enforces policies at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resilience.actions.network import canary, network_policies
from resilience.actions.undo import object_undo
from resilience.cluster.interface import PODS, POLICIES, Cluster, Object
from resilience.cluster.stand_in import StandIn
from resilience.drain.budgets import selects
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.values import Duration
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.verbs.context import ActionContext, ActionFailed, Fate, NothingToDo

LONGEST_PROOF = Duration.of(90)
"""Time allowed for the canary, in addition to `duration`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """Parameters of `partition`."""

    pods: Selector = parameter("The Pods to isolate.", example="app=checkout")
    from_: Selector | None = parameter(
        "Isolate them only from these Pods of the namespace; from everything by default.",
        default=None,
        key="from",
        example="app=db",
    )
    direction: Literal["ingress", "egress", "both"] = parameter(
        "Block incoming connections (ingress), outgoing ones (egress), or both.", default="both"
    )
    ports: tuple[int | str, ...] = parameter(
        "Only these ports, by number or name; all by default.",
        default=(),
        example="[5432, metrics]",
    )
    dns: bool = parameter("Also block DNS, if all ports are blocked.", default=False)
    duration: Duration | None = parameter(
        "How long; until the end of the scenario by default.", default=None, example="30s"
    )

    @property
    def ways(self) -> tuple[network_policies.Way, ...]:
        """The cut as a NetworkPolicy describes it."""
        return ("ingress", "egress") if self.direction == "both" else (self.direction,)


def _check(partition: Partition) -> Sequence[Complaint]:
    found = [
        Complaint(field="ports", message=f"{port} is not a port", expected="1 to 65535, or a name")
        for port in partition.ports
        if isinstance(port, int) and not 0 < port <= network_policies.LAST_PORT
    ]
    if partition.dns and (partition.ports or partition.direction == "ingress"):
        text = "`dns` applies when all ports are cut for egress"
        found.append(Complaint(field="dns", message=text, expected="ports: [53] to cut it alone"))
    return found


def _describe(partition: Partition) -> str:
    whom = f" from {partition.from_}" if partition.from_ else ""
    ports = f" on {', '.join(map(str, partition.ports))}" if partition.ports else ""
    ways = "" if partition.direction == "both" else f" ({partition.direction})"
    return f"cut {partition.pods} off{whom}{ports}{ways}"


def _bounds(partition: Partition) -> tuple[Duration, Duration]:
    lasting = partition.duration or Duration.of(0)
    return lasting, Duration(lasting.exact + LONGEST_PROOF.exact)


def _helpers(_: Partition, namespace: str, cluster: Cluster) -> Sequence[Object]:
    return [canary.like(namespace, cluster).body()]


def run(partition: Partition, context: ActionContext) -> None:
    """Prove that the cluster enforces policies, create this one, and remove it after `duration`."""
    cut, wall = _prepared(partition, context)
    seen = canary.prove(wall, partition.ways, StandIn.of(cut[0]["spec"]), context)
    # The canary takes seconds, in which Pods come and go: the policy cuts off those of now.
    for pod in _matching(partition.pods, _everybody(context), context.namespace):
        context.victim(pod, _describe(partition), Fate.TOUCHED)
    name = f"resilience-partition-{context.random.randrange(16**6):06x}"
    body = network_policies.policy(canary.metadata(name, context), wall, partition.ways)
    text = f"delete NetworkPolicy {context.namespace}/{name}"
    made = canary.create(POLICIES, body, text, context)
    context.proof(f"NetworkPolicy {name} is in force: {seen}", {"uid": objects.uid(made.obj)})
    if partition.duration is not None:
        context.clock.wait(partition.duration.seconds)
        canary.remove(made, context)


def rehearse(partition: Partition, context: ActionContext) -> None:
    """List the Pods that would be cut off, and check that the API server accepts the policy."""
    cut, wall = _prepared(partition, context)
    for pod in cut:
        context.victim(pod, _describe(partition), Fate.TOUCHED)
    body = network_policies.policy(
        canary.metadata("resilience-partition", context), wall, partition.ways
    )
    canary.create(POLICIES, body, "delete the NetworkPolicy", context)


def _prepared(
    partition: Partition, context: ActionContext
) -> tuple[Sequence[Object], network_policies.Wall]:
    everybody = _everybody(context)
    cut = _matching(partition.pods, everybody, context.namespace)
    peers = _matching(partition.from_, everybody, context.namespace) if partition.from_ else []
    _alone(cut, partition, context)
    context.may_harm(cut)
    held = {"ingress": cut, "egress": peers or everybody}
    ports = {number for way in partition.ways
             for number in _numbers(partition.ports, held[way])}  # fmt: skip
    addresses = [str(each["ip"]) for pod in peers
                 for each in (pod.get("status") or {}).get("podIPs") or ()]  # fmt: skip
    wall = network_policies.Wall(
        subject=partition.pods,
        peer=partition.from_,
        dns=partition.dns,
        addresses=tuple(sorted(addresses)),
        ports=tuple(sorted(ports)),
    )
    return cut, wall


def _everybody(context: ActionContext) -> Sequence[Object]:
    return [pod for pod in context.view(PODS, context.namespace).objects() if _living(pod)]


def _living(pod: Object) -> bool:
    return not (objects.is_ours(pod) or objects.is_finished(pod) or objects.is_terminating(pod))


def _matching(selector: Selector, pods: Sequence[Object], namespace: str) -> list[Object]:
    found = [pod for pod in pods if selector.matches(objects.labels(pod))]
    if not found:
        raise NothingToDo(f"no living Pod in namespace {namespace} matches {selector}; "
                          "nothing was cut")  # fmt: skip
    return found


def _alone(cut: Sequence[Object], partition: Partition, context: ActionContext) -> None:
    """ActionFailed when another policy would still allow what is to be cut."""
    for other in context.cluster.list(POLICIES, context.namespace):
        spec = other.get("spec") or {}
        ways = {way.lower() for way in spec.get("policyTypes") or ("Ingress",)}
        same = {"metadata": other["metadata"], "spec": {"selector": spec.get("podSelector")}}
        if ways & set(partition.ways) and any(selects(same, pod) for pod in cut):
            raise ActionFailed(
                f"NetworkPolicy {objects.title(other)} already selects Pods {partition.pods}, and "
                "policies are additive: another policy cannot block what this one allows. Nothing "
                "was cut; choose other Pods or another direction"
            )


def _numbers(ports: Sequence[int | str], pods: Sequence[Object]) -> set[int]:
    """Ports as numbers; a name is resolved with the container ports of the connected Pods."""
    found = {port for port in ports if isinstance(port, int)}
    for name in (port for port in ports if isinstance(port, str)):
        numbers = {
            int(each["containerPort"])
            for pod in pods
            for container in objects.lasting_containers(pod)
            for each in container.get("ports") or ()
            if each.get("name") == name
        }
        if not numbers:
            raise ActionFailed(f"no container of these Pods has a port named {name}; nothing "
                               "was cut")  # fmt: skip
        found |= numbers
    return found


def _rights(_: Partition, namespace: str) -> Sequence[Right]:
    pods = [("list", ""), ("watch", ""), ("get", ""), ("create", ""), ("delete", ""),
            ("get", "/log")]  # fmt: skip
    return [
        *(Right(verb=verb, group="", resource=f"pods{part}", namespace=namespace)
          for verb, part in pods),
        *(Right(verb=verb, group=POLICIES.group, resource=POLICIES.plural, namespace=namespace)
          for verb in ("list", "get", "create", "delete")),
    ]  # fmt: skip


VERB = Verb(
    name="partition",
    family=Family.ACTION,
    summary="Isolate Pods with a NetworkPolicy.",
    parameters=Partition,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=rehearse,
    describe=_describe,
    check=_check,
    bounds=_bounds,
    rights=_rights,
    helpers=_helpers,
    undo=object_undo.undo,
    undo_text="The NetworkPolicy is deleted, and the canary's Pods.",
    proof="First the same policy must cut the connection of a canary Pod.",
    example="partition: {pods: app=checkout, from: app=db, direction: egress, duration: 30s}",
)
