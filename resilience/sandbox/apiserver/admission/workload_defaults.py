"""Defaults of apps/v1, batch/v1, autoscaling and policy kinds.

Sources: pkg/apis/{apps,batch,autoscaling}/v*/defaults.go, and the Job strategy for generated
selectors (pkg/registry/batch/job/strategy.go).
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.admission.pod_defaults import Spec, default, mappings, template

_QUARTER = "25%"


def spec_of(obj: Spec) -> Spec:
    """The object's spec, created if absent; a separate mapping if it is invalid."""
    spec = obj.setdefault("spec", {})
    return spec if isinstance(spec, dict) else {}


def deployment(obj: Spec) -> None:
    spec = spec_of(obj)
    default(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    if isinstance(strategy, dict):
        default(strategy, type="RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            default(strategy, rollingUpdate={})
            if isinstance(strategy["rollingUpdate"], dict):
                default(strategy["rollingUpdate"], maxSurge=_QUARTER, maxUnavailable=_QUARTER)
    template(spec)


def replica_set(obj: Spec) -> None:
    spec = spec_of(obj)
    default(spec, replicas=1)
    template(spec)


def replication_controller(obj: Spec) -> None:
    """Selector and labels default to the template's."""
    spec = spec_of(obj)
    default(spec, replicas=1)
    template(spec)
    inner = spec.get("template")
    labels = (inner.get("metadata") or {}).get("labels") if isinstance(inner, dict) else None
    if labels and not spec.get("selector"):
        spec["selector"] = dict(labels)
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)


def stateful_set(obj: Spec) -> None:
    spec = spec_of(obj)
    default(spec, replicas=1, revisionHistoryLimit=10)
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    strategy = spec.setdefault("updateStrategy", {})
    if isinstance(strategy, dict):
        default(strategy, type="RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            default(strategy, rollingUpdate={})
            if isinstance(strategy["rollingUpdate"], dict):
                default(strategy["rollingUpdate"], partition=0)
                # The feature gate MaxUnavailableStatefulSet is off in 1.36: the field is dropped.
                strategy["rollingUpdate"].pop("maxUnavailable", None)
    default(spec, persistentVolumeClaimRetentionPolicy={})
    if isinstance(spec["persistentVolumeClaimRetentionPolicy"], dict):
        default(
            spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain"
        )
    for claim in mappings(spec.get("volumeClaimTemplates")):
        default(claim, apiVersion="v1", kind="PersistentVolumeClaim", status={"phase": "Pending"})
        default(spec_of(claim), volumeMode="Filesystem")
    template(spec)


def daemon_set(obj: Spec) -> None:
    spec = spec_of(obj)
    default(spec, revisionHistoryLimit=10)
    strategy = spec.setdefault("updateStrategy", {})
    if isinstance(strategy, dict):
        default(strategy, type="RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            default(strategy, rollingUpdate={})
            if isinstance(strategy["rollingUpdate"], dict):
                default(strategy["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    template(spec)


def daemon_set_generation(obj: Spec, old: Spec | None) -> None:
    """The annotation that counts templates, kept for old clients."""
    key = "deprecated.daemonset.template.generation"
    annotations = obj["metadata"].setdefault("annotations", {})
    before = ((old or {}).get("metadata") or {}).get("annotations") or {}
    number = int(before.get(key, "0"))
    if old is None or spec_of(obj).get("template") != spec_of(old).get("template"):
        number += 1
    annotations[key] = str(number)


def job(obj: Spec) -> None:
    spec = spec_of(obj)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    default(spec, parallelism=1, completionMode="NonIndexed", suspend=False, manualSelector=False)
    per_index = spec.get("backoffLimitPerIndex") is not None
    default(spec, backoffLimit=2147483647 if per_index else 6)
    policy = spec.get("podFailurePolicy")
    default(spec, podReplacementPolicy="Failed" if policy else "TerminatingOrFailed")
    for rule in mappings(policy.get("rules") if isinstance(policy, dict) else None):
        for pattern in mappings(rule.get("onPodConditions")):
            default(pattern, status="True")
    template(spec)


def job_selector(obj: Spec, uid: str) -> None:
    """The selector and labels that only this Job's Pods match, unless `manualSelector`."""
    spec = spec_of(obj)
    inner = spec.get("template")
    if spec.get("manualSelector") or not isinstance(inner, dict):
        return
    metadata = inner.setdefault("metadata", {}) or {}
    inner["metadata"] = metadata
    labels = metadata.get("labels") or {}
    name = obj["metadata"]["name"]
    labels.update(
        {
            "controller-uid": uid,
            "job-name": name,
            "batch.kubernetes.io/controller-uid": uid,
            "batch.kubernetes.io/job-name": name,
        }
    )
    metadata["labels"] = labels
    if not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    selector = spec.setdefault("selector", {})
    if isinstance(selector, dict):
        selector.setdefault("matchLabels", {})["batch.kubernetes.io/controller-uid"] = uid


def cron_job(obj: Spec) -> None:
    spec = spec_of(obj)
    default(
        spec,
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )
    inner = spec.get("jobTemplate")
    if isinstance(inner, dict):
        template(spec_of(inner))


def horizontal_pod_autoscaler(obj: Spec) -> None:
    default(spec_of(obj), minReplicas=1)


WORKLOADS: dict[tuple[str, str], Any] = {
    ("apps", "deployments"): deployment,
    ("apps", "replicasets"): replica_set,
    ("apps", "statefulsets"): stateful_set,
    ("apps", "daemonsets"): daemon_set,
    ("", "replicationcontrollers"): replication_controller,
    ("batch", "jobs"): job,
    ("batch", "cronjobs"): cron_job,
    ("autoscaling", "horizontalpodautoscalers"): horizontal_pod_autoscaler,
}
