"""The victims of a run: which, since when, and whether the disruption is over. Pure, given a lookup
of Pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.verb import Phase
from resilience.verbs.context import Fate

Lookup = Callable[[str], Object | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """One victim; `resilience.verbs.context.Victim`."""

    uid: str
    name: str
    namespace: str
    owner: str
    workload: str
    workload_title: str
    fate: Fate
    restarts: int
    struck: float
    step: str
    grace: float
    node: str = ""
    phase: Phase = Phase.WHEN

    @property
    def title(self) -> str:
        """`shop/web-1`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """Something other than a Pod that an action changed. `template` is the template of the Pods
    that it creates, as it was before the change; {} if it creates none. `new_spec` is its spec
    after the change, where that is known."""

    uid: str
    title: str
    text: str
    step: str
    since: float
    namespace: str = ""
    api_version: str = ""
    kind: str = ""
    name: str = ""
    template: Object = field(default_factory=dict)
    new_spec: Object = field(default_factory=dict)
    is_new: bool = False
    phase: Phase = Phase.WHEN

    @property
    def pod_labels(self) -> Mapping[str, str]:
        """Labels of the Pods that it creates."""
        return objects.labels(self.template)


def is_over(victim: Struck, pod: Object | None) -> bool:
    """Whether the victim can no longer disrupt the service; a terminating Pod still can."""
    return victim.fate is not Fate.GONE or pod is None


def unfinished(victims: Sequence[Struck], lookup: Lookup) -> list[Struck]:
    """Victims that may still disrupt the service."""
    return [victim for victim in victims if not is_over(victim, lookup(victim.uid))]
