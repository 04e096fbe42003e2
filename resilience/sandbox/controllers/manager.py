"""Which controllers run, and in which order they receive changes.

The Pod index comes first, because controllers use it inside their own callbacks. Controllers are
created before any is started: a started one may already write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from resilience.sandbox.controllers.daemonset.daemonset import DaemonSetController
from resilience.sandbox.controllers.deployment.deployment import DeploymentController
from resilience.sandbox.controllers.disruption.budgets import DisruptionController
from resilience.sandbox.controllers.endpoints.endpoints import EndpointsController
from resilience.sandbox.controllers.endpoints.endpointslice import EndpointSliceController
from resilience.sandbox.controllers.endpoints.slice_mirroring import SliceMirroring
from resilience.sandbox.controllers.job.cronjob import CronJobController
from resilience.sandbox.controllers.job.job import JobController
from resilience.sandbox.controllers.lifecycle.autoscalers import HorizontalController
from resilience.sandbox.controllers.lifecycle.certificate_signing import CertificateSigning
from resilience.sandbox.controllers.lifecycle.cluster_bootstrap import bootstrap
from resilience.sandbox.controllers.lifecycle.garbage_collector import GarbageCollector
from resilience.sandbox.controllers.lifecycle.lasting_objects import LastingObjects
from resilience.sandbox.controllers.lifecycle.namespaces import NamespaceController
from resilience.sandbox.controllers.lifecycle.quotas import QuotaController
from resilience.sandbox.controllers.lifecycle.service_accounts import NamespaceDefaults
from resilience.sandbox.controllers.nodes.node_lifecycle import NodeLifecycle
from resilience.sandbox.controllers.nodes.pod_gc import PodGarbageCollector
from resilience.sandbox.controllers.nodes.taint_eviction import TaintEviction
from resilience.sandbox.controllers.replicaset.replicaset import ReplicaSetController
from resilience.sandbox.controllers.replicaset.replication_controller import (
    ReplicationControllerController,
)
from resilience.sandbox.controllers.statefulset.statefulset import StatefulSetController
from resilience.sandbox.controllers.volumes.ephemeral_claims import EphemeralClaims
from resilience.sandbox.controllers.volumes.volume_binder import VolumeBinder
from resilience.sandbox.controllers.volumes.volume_protection import VolumeProtection
from resilience.sandbox.controllers.volumes.volume_snapshots import SnapshotController
from resilience.sandbox.kube.api import Api, Clock
from resilience.sandbox.reconcile.controller_context import Context, Controller, Issue
from resilience.sandbox.reconcile.runner import Runner
from resilience.sandbox.reconcile.volume_directories import Directories, NoDirectories
from resilience.sandbox.scheduler.scheduler import Scheduler

CONTROLLERS: Sequence[type[Controller]] = (
    NamespaceDefaults,
    NodeLifecycle,
    TaintEviction,
    PodGarbageCollector,
    Scheduler,
    ReplicaSetController,
    ReplicationControllerController,
    DeploymentController,
    DisruptionController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    CronJobController,
    VolumeBinder,
    VolumeProtection,
    EphemeralClaims,
    SnapshotController,
    QuotaController,
    HorizontalController,
    CertificateSigning,
    LastingObjects,
    EndpointSliceController,
    EndpointsController,
    SliceMirroring,
    NamespaceController,
    GarbageCollector,
)


class Manager:
    """All controllers of one API server."""

    def __init__(
        self,
        api: Api,
        clock: Clock,
        *,
        controllers: Sequence[type[Controller]] = CONTROLLERS,
        timer: Callable[[], float] = time.perf_counter,
        root_ca: str = "",
        issue: Issue | None = None,
        directories: Directories | None = None,
    ) -> None:
        """`timer` measures real time spent; tests pass a constant one to be deterministic."""
        places = directories or NoDirectories()
        self.context = Context(api, clock, Runner(clock, timer), root_ca, issue, places)
        self.controllers = [controller(self.context) for controller in controllers]

    def start(self) -> None:
        """Create the bootstrap objects, subscribe and begin."""
        bootstrap(self.context.api)
        self.context.watch(self.context.kind("pods"), self.context.pods.observe)
        for controller in self.controllers:
            controller.start()

    def stop(self) -> None:
        """End all watches and timers of the queue."""
        self.context.close()
