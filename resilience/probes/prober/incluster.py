"""A prober inside the cluster: agent or asker, in a Pod of its own, read through its log.

From outside, a Service's address cannot be reached, and the API server's proxy bypasses the Service
and goes to its endpoints. So the prober runs as a helper Pod, with its files and its configuration
in one Secret (headers may hold credentials). Deleting the Pod stops it; both objects are in the
journal before they are made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from resilience.cluster import helper_pods
from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.helper_pods import HelperPod, Mount
from resilience.cluster.interface import JOBS, PODS, SECRETS, Cluster, Means, Object
from resilience.cluster.stand_in import NOBODY, StandIn
from resilience.model.values import RunId
from resilience.probes.prober.news import News, Part
from resilience.probes.prober.pod_log import PodLog
from resilience.probes.prober.program import AGENT, CONFIGURATION, MOUNTED, PROGRAM, Program
from resilience.probes.prober.samples import SampleLog

RUN = "resilience/run"

STOP_GRACE = 2.0
"""Seconds beyond a request's timeout for the Pod's last lines to reach us."""

LIFETIME = 6 * 3600
"""Seconds after which the cluster itself ends a Pod that everybody forgot."""


class Placing(Protocol):
    """What is needed of a context to create objects in the cluster and to have them removed."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def run(self) -> RunId: ...
    def will_undo(self, data: Mapping[str, Any], text: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a prober's objects are, and what its Pod runs. `name` is unique in the namespace;
    `stands_in` describes a Pod of the service, next to which the prober is scheduled. `means` are
    the cluster's: they say which image runs, and with which priority."""

    namespace: str
    name: str
    run: RunId
    stands_in: StandIn = NOBODY
    program: Program = AGENT
    means: Means = field(default_factory=Means)

    def meta(self) -> dict[str, Any]:
        """Metadata of the Secret; as with the Pod, its labels exclude it from every action."""
        labels = {RUN: self.run, **helper_pods.marks("prober")}
        return {"name": self.name, "namespace": self.namespace, "labels": labels}

    def secret(self, configuration: Mapping[str, Any]) -> Object:
        """The program's files and what it receives."""
        told = self.program.told(configuration, helper_pods.image_of(self.means))
        texts = self.program.texts()
        if told.get("ca"):
            texts["ca.crt"] = Path(told["ca"]).read_text("utf-8")
            told["ca"] = f"{MOUNTED}/ca.crt"
        texts[CONFIGURATION] = json.dumps(told)
        return {"apiVersion": "v1", "kind": "Secret", "metadata": self.meta(), "stringData": texts}

    def pod(self, grace: int) -> Object:
        """The prober's Pod."""
        helper = HelperPod(
            name=self.name,
            namespace=self.namespace,
            purpose="prober",
            command=self.program.command,
            image=helper_pods.image_of(self.means),
            cpu=self.program.cpu,
            cpu_limit=self.program.cpu_limit,
            memory=self.program.memory,
            labels={RUN: self.run},
            grace=grace,
            lifetime=LIFETIME,
            mounts=[
                Mount(name="probe", path=MOUNTED, source={"secret": {"secretName": self.name}}),
                Mount(
                    name="program",
                    path=PROGRAM,
                    source={"secret": {"secretName": self.name, "items": self.program.places()}},
                ),
            ],
            stands_in=self.stands_in,
            access=helper_pods.prober_access(self.means),
            in_mesh=True,
        )
        return helper.body()


def remove(data: Mapping[str, Any], cluster: Cluster) -> None:
    """The undo: delete the Pod (or the Job of several Pods) and the Secret, as far as they
    exist."""
    for resource in (JOBS if data.get("agents") else PODS, SECRETS):
        try:
            cluster.delete(resource, data["name"], data["namespace"])
        except NotFound:
            continue


class PodProber:
    """A prober in a Pod, with the interface of `resilience.probes.prober.process.AgentProcess`."""

    def __init__(
        self,
        site: Site,
        context: Placing,
        configuration: Mapping[str, Any],
        log: SampleLog,
        changed: Callable[[], None],
    ) -> None:
        self._site, self._cluster = site, context.cluster
        self._grace = int(configuration.get("timeout", 1.0) + STOP_GRACE)
        self._stuck = ""
        where = {"name": site.name, "namespace": site.namespace}
        context.will_undo(where, f"remove the prober {site.namespace}/{site.name}")
        self._cluster.create(SECRETS, site.secret(configuration), site.namespace)
        self._cluster.create(PODS, site.pod(self._grace), site.namespace)
        self._log = PodLog(site.name, site.namespace, self._cluster, News(log), changed,
                           ends=bool(configuration.get("limit")))  # fmt: skip

    @property
    def trouble(self) -> str:
        """Why its results can no longer be trusted."""
        return self._log.trouble or self._stuck

    @property
    def waiting(self) -> str:
        """What currently keeps it from reporting."""
        return self._log.waiting

    @property
    def where(self) -> str:
        """The node that it runs on."""
        return self._log.where

    @property
    def reasons(self) -> Sequence[tuple[str, str]]:
        """Why requests failed: (answer, text), each once."""
        return self._log.news.reasons

    @property
    def parts(self) -> Sequence[Part]:
        """Steps of questions that have several."""
        return self._log.news.parts

    @property
    def cost(self) -> Mapping[str, Any]:
        """The prober's resource usage, once it has ended; `apart` is the difference between its
        clock and ours."""
        return self._log.news.all_costs()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        return self._log.wait(seconds)

    def stop(self) -> None:
        """Delete the Pod, and read its last lines. Idempotent."""
        self._log.stopping()
        try:
            remove({"name": self._site.name, "namespace": self._site.namespace}, self._cluster)
        except ClusterError as error:
            self._stuck = f"the prober could not be stopped: {error}"
        self._log.finish(self._grace + STOP_GRACE)
