"""Which controllers run, in which order they hear of changes.

The Pod index comes first, because controllers ask it inside their own callbacks. Controllers are
created before any is started: a started one may already write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from resilience.sandbox.api import Api, Clock
from resilience.sandbox.controllers.autoscalers import AutoscalerNotice
from resilience.sandbox.controllers.bootstrap import bootstrap
from resilience.sandbox.controllers.budgets import DisruptionController
from resilience.sandbox.controllers.context import Context, Controller
from resilience.sandbox.controllers.cronjob import CronJobController
from resilience.sandbox.controllers.daemonset import DaemonSetController
from resilience.sandbox.controllers.deployment import DeploymentController
from resilience.sandbox.controllers.directories import Directories, NoDirectories
from resilience.sandbox.controllers.endpoints import EndpointsController
from resilience.sandbox.controllers.endpointslice import EndpointSliceController
from resilience.sandbox.controllers.garbage import GarbageCollector
from resilience.sandbox.controllers.job import JobController
from resilience.sandbox.controllers.namespaces import NamespaceController
from resilience.sandbox.controllers.node_lifecycle import NodeLifecycle
from resilience.sandbox.controllers.podgc import PodGarbageCollector
from resilience.sandbox.controllers.quotas import QuotaController
from resilience.sandbox.controllers.replicaset import ReplicaSetController
from resilience.sandbox.controllers.runner import Runner
from resilience.sandbox.controllers.serviceaccounts import NamespaceDefaults
from resilience.sandbox.controllers.snapshots import SnapshotController
from resilience.sandbox.controllers.statefulset import StatefulSetController
from resilience.sandbox.controllers.taint_eviction import TaintEviction
from resilience.sandbox.controllers.volume_binder import VolumeBinder
from resilience.sandbox.controllers.volume_protection import VolumeProtection
from resilience.sandbox.scheduler.controller import Scheduler

CONTROLLERS: Sequence[type[Controller]] = (
    NamespaceDefaults,
    NodeLifecycle,
    TaintEviction,
    PodGarbageCollector,
    Scheduler,
    ReplicaSetController,
    DeploymentController,
    DisruptionController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    CronJobController,
    VolumeBinder,
    VolumeProtection,
    SnapshotController,
    QuotaController,
    AutoscalerNotice,
    EndpointSliceController,
    EndpointsController,
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
        directories: Directories | None = None,
    ) -> None:
        """`timer` measures real time spent; tests pass a standing one to be deterministic."""
        places = directories or NoDirectories()
        self.context = Context(api, clock, Runner(clock, timer), root_ca, places)
        self.controllers = [controller(self.context) for controller in controllers]

    def start(self) -> None:
        """Make what every cluster has, subscribe and begin."""
        bootstrap(self.context.api)
        self.context.watch(self.context.kind("pods"), self.context.pods.observe)
        for controller in self.controllers:
            controller.start()

    def stop(self) -> None:
        """End all watches and timers of the queue."""
        self.context.close()
