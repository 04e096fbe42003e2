"""The objects of a prober with several agents: an Indexed Job, and the Secret that its Pods share.

Its Pods are spread over nodes and zones as far as possible. A Pod that is evicted or fails is
replaced elsewhere, about ten seconds later, so that the loss of a node affects one agent and for a
time only: what it had measured is kept, and so is what its replacement measures. An agent that
receives SIGTERM therefore ends as failed: a Job never replaces a Pod that ended well. If nothing
removes the Job, the cluster ends it, and then removes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience.cluster.helper_pods import AGENT_OF
from resilience.cluster.interface import Object
from resilience.probes.prober.incluster import LIFETIME, Site

INDEX = "batch.kubernetes.io/job-completion-index"
"""Annotation with an agent's number, by the Job controller."""

ZONE = "topology.kubernetes.io/zone"
"""Label of nodes."""

REPLACEMENTS = 100
KEPT = 60
"""Seconds after which the cluster removes a Job that has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSite(Site):
    """Where the agents are: the same for all of them."""

    agents: int

    def job(self, grace: int) -> Object:
        """The Job."""
        pod = self.pod(grace)
        pod["metadata"]["labels"][AGENT_OF] = self.name
        pod["spec"]["topologySpreadConstraints"] = [self._spread("kubernetes.io/hostname")]
        pod["spec"].setdefault("affinity", {})["podAntiAffinity"] = self._apart(ZONE)
        template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
        spec = {
            "completionMode": "Indexed", "completions": self.agents, "parallelism": self.agents,
            "podReplacementPolicy": "TerminatingOrFailed", "backoffLimit": REPLACEMENTS,
            "activeDeadlineSeconds": LIFETIME, "ttlSecondsAfterFinished": KEPT,
            "template": template,
        }  # fmt: skip
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": self.meta(), "spec": spec}

    def _spread(self, key: str) -> dict[str, Any]:
        return {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": self._agents}  # fmt: skip

    def _apart(self, key: str) -> dict[str, Any]:
        """Not a second constraint: nodes that lack the label of one constraint count for none, so
        that without zones the agents would not be spread over nodes either."""
        term = {"topologyKey": key, "labelSelector": self._agents}
        return {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 100, "podAffinityTerm": term}]}  # fmt: skip

    @property
    def _agents(self) -> dict[str, Any]:
        return {"matchLabels": {AGENT_OF: self.name}}
