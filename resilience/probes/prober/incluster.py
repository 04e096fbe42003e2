"""A prober inside the cluster: agent or asker, in a Pod of its own, read through its log.

From outside a Service's address leads nowhere, and the API server's own proxy goes past the Service
to its endpoints. So the prober runs as a helper Pod, with its files and its configuration in one
Secret (headers may hold credentials). Deleting the Pod stops it; both objects are in the journal
before they are made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

from resilience.cluster import helper_pods
from resilience.cluster.errors import ApiError, ClusterError, NotFound
from resilience.cluster.helper_pods import HelperPod, Mount
from resilience.cluster.interface import PODS, SECRETS, Cluster, Object
from resilience.cluster.stand_in import NOBODY, StandIn
from resilience.model.values import RunId
from resilience.probes.prober.news import News, Part
from resilience.probes.prober.program import AGENT, CONFIGURATION, MOUNTED, Program
from resilience.probes.prober.samples import SampleLog

RUN = "resilience/run"

AGAIN = 0.2
"""Seconds between two tries to read the log of a Pod that has not started."""

STOP_GRACE = 2.0
"""Seconds beyond a request's timeout for the Pod's last lines to reach us."""

LIFETIME = 6 * 3600
"""Seconds after which the cluster itself ends a Pod that everybody forgot."""


class Placing(Protocol):
    """What is needed of a context to put objects into the cluster and to have them removed."""

    @property
    def cluster(self) -> Cluster: ...
    @property
    def run(self) -> RunId: ...
    def will_undo(self, data: Mapping[str, Any], text: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a prober's objects are, and what its Pod runs. `name` is unique in the namespace;
    `stands_in` is for a Pod of the service, beside which the prober is scheduled."""

    namespace: str
    name: str
    run: RunId
    stands_in: StandIn = NOBODY
    program: Program = AGENT
    image: str = helper_pods.IMAGE

    def meta(self) -> dict[str, Any]:
        """Metadata of the Secret; as with the Pod, its labels exclude it from every action."""
        labels = {RUN: self.run, **helper_pods.marks("prober")}
        return {"name": self.name, "namespace": self.namespace, "labels": labels}

    def secret(self, configuration: Mapping[str, Any]) -> Object:
        """The program's files and what it receives."""
        told = self.program.told(configuration, self.image)
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
            image=self.image,
            cpu=self.program.cpu,
            memory=self.program.memory,
            labels={RUN: self.run},
            grace=grace,
            lifetime=LIFETIME,
            mounts=[
                Mount(name="probe", path=MOUNTED, source={"secret": {"secretName": self.name}})
            ],
            stands_in=self.stands_in,
            in_mesh=True,
        )
        return helper.body()


def remove(data: Mapping[str, Any], cluster: Cluster) -> None:
    """The undo: delete both objects, as far as they still exist."""
    for resource in (PODS, SECRETS):
        try:
            cluster.delete(resource, data["name"], data["namespace"])
        except NotFound:
            continue


class PodProber:
    """A prober in a Pod, with the face of `resilience.probes.prober.process.AgentProcess`."""

    def __init__(
        self,
        site: Site,
        context: Placing,
        configuration: Mapping[str, Any],
        log: SampleLog,
        changed: Callable[[], None],
    ) -> None:
        self.trouble = ""
        self.waiting = ""
        self.where = f"the node of Pod {site.namespace}/{site.name}"
        self._site, self._cluster, self._changed = site, context.cluster, changed
        self._news = News(log)
        self._grace = int(configuration.get("timeout", 1.0) + STOP_GRACE)
        self._limited = bool(configuration.get("limit"))
        self._stopping = False
        self._over = Event()
        self._located = False
        self._said = b""
        where = {"name": site.name, "namespace": site.namespace}
        context.will_undo(where, f"remove the prober {site.namespace}/{site.name}")
        self._cluster.create(SECRETS, site.secret(configuration), site.namespace)
        self._cluster.create(PODS, site.pod(self._grace), site.namespace)
        self._reader = Thread(target=self._read, daemon=True, name="resilience-probe")
        self._reader.start()

    @property
    def reasons(self) -> Sequence[tuple[str, str]]:
        """Why requests failed: (answer, text), each once."""
        return self._news.reasons

    @property
    def parts(self) -> Sequence[Part]:
        """Steps of questions that have several."""
        return self._news.parts

    @property
    def cost(self) -> Mapping[str, Any]:
        """What the prober used up, once it has ended; `apart` is how far its clock is from ours."""
        apart = {} if self._news.apart is None else {"clock_apart": round(self._news.apart, 6)}
        return {**self._news.cost, **apart}

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def stop(self) -> None:
        """Delete the Pod, and read what it still has to say. Idempotent."""
        self._stopping = True
        try:
            remove({"name": self._site.name, "namespace": self._site.namespace}, self._cluster)
        except ClusterError as error:
            self.trouble = self.trouble or f"the prober could not be stopped: {error}"
        self._reader.join(self._grace + STOP_GRACE)
        self._over.set()
        self._reader.join()
        if not self._news.ended and not self.trouble:
            self.trouble = "the prober's last lines never arrived"

    def _read(self) -> None:
        while not self._over.is_set() and not self._news.ended:
            try:
                self._follow()
            except NotFound as error:
                # A kubelet that has not heard of the Pod yet answers so, too.
                if self._gone():
                    self._missed()
                    break
                self._not_yet(error)
            except ClusterError as error:
                self._not_yet(error)
            else:
                self._ended_early()
            if self.trouble or (self._stopping and self._gone()):
                break
            self._over.wait(AGAIN)
        if self._news.ended and not (self._stopping or self._limited):
            self.trouble = "someone else stopped the prober"
        self._changed()

    def _follow(self) -> None:
        """Read the log from its beginning: lines that were read before change nothing."""
        with self._cluster.logs(self._site.name, self._site.namespace) as lines:
            for line in lines:
                self._news.take(line, time.monotonic())
                self._locate()
                self._said = line if line.strip() and not line.startswith(b"{") else self._said
                self.waiting = ""
                self._changed()
                if self._over.is_set():
                    return

    def _locate(self) -> None:
        """Which node it runs on, asked once it has said something."""
        if self._located:
            return
        self._located = True
        try:
            pod = self._cluster.get(PODS, self._site.name, self._site.namespace)
        except ClusterError:
            return
        if node := (pod.get("spec") or {}).get("nodeName"):
            self.where = f"node {node}"

    def _ended_early(self) -> None:
        """The log has ended, without the last line: a prober that died says why, if it can."""
        if self._news.ended or self._stopping:
            return
        try:
            pod = self._cluster.get(PODS, self._site.name, self._site.namespace)
        except ClusterError:
            return
        if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
            said = self._said.decode("utf-8", "replace").strip()
            self.trouble = f"the prober's Pod {self._site.name} has ended by itself"
            self.trouble += f": {said}" if said else ""

    def _missed(self) -> None:
        if not self._stopping:
            self.trouble = f"the prober's Pod {self._site.name} was removed by someone"

    def _gone(self) -> bool:
        try:
            self._cluster.get(PODS, self._site.name, self._site.namespace)
        except NotFound:
            return True
        except ClusterError:
            return False
        return False

    def _not_yet(self, error: ClusterError) -> None:
        """The log cannot be read now: is the Pod still starting, or will it never run?"""
        self.waiting = f"the log of the prober's Pod {self._site.name} cannot be read: {error}"
        if not isinstance(error, ApiError):
            return  # the API server is away: the log is read again from its beginning
        try:
            pod = self._cluster.get(PODS, self._site.name, self._site.namespace)
        except ClusterError:
            return
        if why := helper_pods.hopeless(pod):
            self.trouble = f"the prober's Pod {self._site.name} does not start: {why}"
