"""Where a prober runs: a local process, or a Pod of the cluster that is probed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Literal, Protocol

from resilience.cluster.reach import is_inside
from resilience.model.step_reach import Reach
from resilience.model.values import RunId
from resilience.model.verb import Right
from resilience.probes.prober.samples import SampleLog
from resilience.verbs.context import ActionFailed

if TYPE_CHECKING:
    from resilience.probes.prober.asker import Opened
    from resilience.probes.prober.news import Part
    from resilience.probes.prober.program import Program

PREFIX = "resilience-probe-"
_NAME = re.compile(re.escape(PREFIX) + "[0-9a-f]{8}")
"""What a journal may name as a prober: nothing else is removed."""

Via = Literal["auto", "direct", "pod"]

UNDO_TEXT = "The prober's Pod and its Secret are deleted."


MOST_AGENTS = 100


class Prober(Protocol):
    """What a probe needs of its prober, wherever it runs."""

    @property
    def trouble(self) -> str:
        """Why its results can no longer be trusted."""

    @property
    def waiting(self) -> str:
        """What currently keeps it from reporting."""

    @property
    def where(self) -> str:
        """The node that it runs on, "" for this host."""

    @property
    def reasons(self) -> Sequence[tuple[str, str]]: ...
    @property
    def parts(self) -> Sequence[Part]: ...
    @property
    def cost(self) -> Mapping[str, Any]: ...
    def wait(self, seconds: float) -> bool: ...
    def stop(self) -> None: ...


Launch = Callable[[Mapping[str, Any], SampleLog, Callable[[], None]], Prober]
"""(configuration, log, called after each piece of news) -> a prober at work."""


def incluster_rights(namespace: str, agents: int = 1) -> Sequence[Right]:
    """The permissions that a prober in a Pod needs, and that `auto` may need; `agents` are Pods of
    a Job."""
    wanted = (("create", "pods"), ("get", "pods"), ("get", "pods/log"), ("create", "secrets"),
              ("delete", "secrets"))  # fmt: skip
    found = [Right(verb=v, group="", resource=r, namespace=namespace) for v, r in wanted]
    last = Right(verb="delete", group="", resource="pods", namespace=namespace)
    if agents == 1:
        return [*found, last]
    more = (("", "pods", "list"), ("", "pods", "watch"), ("batch", "jobs", "create"),
            ("batch", "jobs", "delete"))  # fmt: skip
    zones = Right(verb="get", group="", resource="nodes", optional=True)
    jobs = [Right(verb=v, group=g, resource=r, namespace=namespace) for g, r, v in more]
    return [*found, *jobs, zones]


def incluster_helpers(
    via: Via, namespace: str, cluster: Any, *, service: bool, asks: bool = False
) -> Sequence[Any]:
    """The Pod of such a prober, if it will run in one; `service` as for `launcher`. `asks`: it
    needs this package."""
    from resilience.cluster.reach import route
    from resilience.probes.prober.incluster import Site
    from resilience.probes.prober.program import AGENT, ASKER

    chosen = route(cluster, via) if service or via != "auto" else "direct"
    if chosen == "direct":
        return ()
    site = Site(namespace=namespace, name=f"{PREFIX}00000000", run=RunId(""),
                program=ASKER if asks else AGENT, means=cluster.means)  # fmt: skip
    return [site.pod(0)]


def incluster_reach(via: Via, namespace: str) -> Reach:
    """The namespace of such a prober's Pod and Secret; none if a local process is enough."""
    beside = via == "direct" or (via == "auto" and is_inside())
    return Reach() if beside else Reach(namespaces=frozenset({namespace}))


def remove(data: Mapping[str, Any], context: Any) -> None:
    """The undo of a prober in a Pod. `context` is a `resilience.verbs.context.UndoContext`."""
    from resilience.probes.prober.incluster import remove

    if not _NAME.fullmatch(str(data["name"])):
        raise ActionFailed(f"{data['name']} is not the name of a prober; nothing was removed")
    remove(data, context.cluster)


def launcher(context: Any, via: Via, namespace: str, *, service: bool) -> Launch:
    """How to start a prober for a Service of `namespace`, or (`service` false) for anything else.

    `context` is a `resilience.verbs.context.Context` that can record an undo.
    """
    from resilience.probes.prober.process import AgentProcess
    from resilience.probes.prober.program import AGENT

    return _beside_or_inside(context, via, namespace, AgentProcess, AGENT, service=service)


def asker_launcher(
    context: Any, via: Via, namespace: str, opened: Opened, *, service: bool
) -> Launch:
    """The same for a kind whose requests need a library: a Pod with this package in its image sends
    them."""
    from resilience.probes.prober.asker import asking_as_told
    from resilience.probes.prober.program import ASKER

    beside = asking_as_told(opened)
    return _beside_or_inside(context, via, namespace, beside, ASKER, service=service)


def _beside_or_inside(
    context: Any, via: Via, namespace: str, beside: Launch, program: Program, *, service: bool
) -> Launch:
    from resilience.cluster.reach import route

    chosen = route(context.cluster, via) if service or via != "auto" else "direct"
    if chosen == "direct":
        return beside

    def in_cluster(
        configuration: Mapping[str, Any], log: SampleLog, changed: Callable[[], None]
    ) -> Prober:
        from resilience.cluster.interface import PODS
        from resilience.cluster.stand_in import StandIn
        from resilience.probes.prober.incluster import PodProber, Site

        site = Site(
            namespace=namespace, name=f"{PREFIX}{token_hex(4)}", run=context.run, program=program,
            stands_in=StandIn.of_any(context.view(PODS, namespace).objects()),
            means=context.cluster.means,
        )  # fmt: skip
        return PodProber(site, context, configuration, log, changed)

    return in_cluster
