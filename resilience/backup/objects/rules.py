"""Rules that remove from an object what belongs only to its source cluster.

A rule changes its object in place and returns the JSON pointers that it changed. A restore applies
them before it creates the object. The proof of a restore does not use them: it has its own list of
what may differ (`may_differ`), so that a wrong rule here shows as a difference there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from resilience.backup.objects.json_pointer import escaped
from resilience.backup.objects.kind_identity import identity, is_built_in
from resilience.backup.objects.written_fields import is_written
from resilience.cluster.interface import Object
from resilience.cluster.permit.consent_keys import CONSENT, PAUSED

Allocations = Literal["chosen", "keep", "new"]
"""Cluster IPs and node ports: those that a client set, all that were recorded, or none."""

RESTORE = "resilience/restore"
"""Annotation on everything that a restore creates; its value is the restore's name, which is used
to resume."""

SNAPSHOT = "resilience/snapshot"
"""Annotation on restored objects; its value is the snapshot's name."""

FILLED = "resilience/filled"
"""Annotation on a claim whose data is restored; its value is the restore's name."""

FILLING = "resilience/filling"
"""Annotation on a claim that a restore has begun to fill; its value is the restore's name."""

_METADATA = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
)
_MARKS = (RESTORE, SNAPSHOT, FILLED, FILLING, "velero.io/backup-name", "velero.io/restore-name")
_CLAIM_MARKS = (
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
)
_JOB_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")


@dataclass(frozen=True, slots=True)
class Rule:
    """`kinds` are identities (`Service`, `Job.batch`); empty means all. `source` is the place in
    Kubernetes' sources."""

    name: str
    kinds: frozenset[str]
    source: str
    apply: Callable[[Object], Iterable[str]]


def _drop(holder: Any, keys: Iterable[str], pointer: str) -> Iterator[str]:
    if isinstance(holder, dict):
        for key in keys:
            if key in holder:
                del holder[key]
                yield f"{pointer}/{escaped(key)}"


def server_metadata(obj: Object) -> Iterator[str]:
    """Fields that only the server may set."""
    yield from _drop(obj["metadata"], _METADATA, "/metadata")


def status(obj: Object) -> Iterator[str]:
    """Remove the status, which controllers write again. A custom resource may have no status
    subresource; then its `status` is ordinary data (`restore` checks the target)."""
    if is_built_in(obj):
        yield from _drop(obj, ("status",), "")


def marks(obj: Object) -> Iterator[str]:
    """Remove the annotations and labels that a restore writes on objects that it creates."""
    for field in ("annotations", "labels"):
        held = obj["metadata"].get(field)
        yield from _drop(held, _MARKS, f"/metadata/{field}")
        if held == {}:
            del obj["metadata"][field]


_IN_PROGRESS = frozenset(
    {
        "foregroundDeletion",
        "orphan",
        "snapshot.storage.kubernetes.io/pvc-as-source-protection",
        "provisioner.storage.kubernetes.io/cloning-protection",
    }
)
"""Of a deletion, of a snapshot of a claim, and of a clone of it."""


def finalizers_of_the_moment(obj: Object) -> Iterator[str]:
    """Remove finalizers of something that was in progress there: no one removes them here, so the
    restored object could never be deleted."""
    held = obj["metadata"].get("finalizers")
    if held is None:
        return
    kept = [each for each in held if each not in _IN_PROGRESS]
    if kept != held:
        obj["metadata"]["finalizers"] = kept
        yield "/metadata/finalizers"


def chosen_addresses(obj: Object) -> Iterator[str]:
    """Remove values that the API server allocated. Values that a client chose stay, as does None
    (headless)."""
    spec = obj.get("spec") or {}
    if spec.get("clusterIP") != "None" and not is_written(obj, "spec", "clusterIP"):
        yield from _drop(spec, ("clusterIP", "clusterIPs"), "/spec")
    for field in ("healthCheckNodePort", "ipFamilies"):
        if not is_written(obj, "spec", field):
            yield from _drop(spec, (field,), "/spec")
    for number, port in enumerate(spec.get("ports") or ()):
        keys = {"port": port.get("port"), "protocol": port.get("protocol", "TCP")}
        if not is_written(obj, "spec", "ports", keys, "nodePort"):
            yield from _drop(port, ("nodePort",), f"/spec/ports/{number}")


def service_addresses(obj: Object) -> Iterator[str]:
    """Let the target allocate all values; None (headless) was chosen and stays."""
    spec = obj.get("spec") or {}
    if spec.get("clusterIP") != "None":
        yield from _drop(spec, ("clusterIP", "clusterIPs"), "/spec")
    yield from _drop(spec, ("healthCheckNodePort",), "/spec")
    if not is_written(obj, "spec", "ipFamilies"):
        yield from _drop(spec, ("ipFamilies",), "/spec")
    for number, port in enumerate(spec.get("ports") or ()):
        yield from _drop(port, ("nodePort",), f"/spec/ports/{number}")


def pod_placement(obj: Object) -> Iterator[str]:
    """Remove the node, which the scheduler chooses, and what is computed from the priority class
    and the runtime class: the target's may have other values, and then refuses these."""
    computed = ("nodeName", "priority", "preemptionPolicy", "overhead")
    yield from _drop(obj.get("spec"), computed, "/spec")


def debug_containers(obj: Object) -> Iterator[str]:
    """Remove ephemeral containers, which `kubectl debug` adds to a running Pod; a create may not
    set them."""
    yield from _drop(obj.get("spec"), ("ephemeralContainers",), "/spec")


_GENERATED = re.compile(r"-(token|dockercfg)-[bcdfghjklmnpqrstvwxz2456789]{5}")
"""The suffix that controllers append; the alphabet is apimachinery's (pkg/util/rand)."""

_API_ACCESS = re.compile(r"kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}")


def is_generated_name(name: str, account: str) -> bool:
    """Whether a Secret's name is one that the token controller generates for the account."""
    return name.startswith(account) and bool(_GENERATED.fullmatch(name, len(account)))


def _is_token_volume(volume: Object, account: str) -> bool:
    """Whether admission added it: a token in a projected volume, before Kubernetes 1.21 a Secret. A
    volume that merely has a similar name is the user's own."""
    name = str(volume["name"])
    if _API_ACCESS.fullmatch(name):
        sources = (volume.get("projected") or {}).get("sources") or ()
        return any("serviceAccountToken" in each for each in sources)
    secret = (volume.get("secret") or {}).get("secretName")
    return bool(secret == name) and is_generated_name(name, account)


def pod_token_volumes(obj: Object) -> Iterator[str]:
    """Remove the token volume, which admission adds with a random name; the new Pod gets its
    own."""
    spec = obj.get("spec") or {}
    account = spec.get("serviceAccountName", "default")
    tokens = {
        volume["name"] for volume in spec.get("volumes") or () if _is_token_volume(volume, account)
    }
    if not tokens:
        return
    spec["volumes"] = [each for each in spec["volumes"] if each["name"] not in tokens]
    yield "/spec/volumes"
    for field in ("containers", "initContainers"):
        for number, container in enumerate(spec.get(field) or ()):
            mounts = container.get("volumeMounts") or []
            container["volumeMounts"] = [each for each in mounts if each["name"] not in tokens]
            if not container["volumeMounts"]:
                del container["volumeMounts"]
            yield f"/spec/{field}/{number}/volumeMounts"
    if not spec["volumes"]:
        del spec["volumes"]


_WAITS = ("restore-wait", "restic-wait")


def velero_wait(obj: Object) -> Iterator[str]:
    """Remove the container with which a restore of Velero's held the Pod back until its volumes
    were filled (its pkg/restore/actions/pod_volume_restore_action.go): nothing ends its wait
    again."""
    spec = obj.get("spec") or {}
    held = spec.get("initContainers") or []
    kept = [each for each in held if not _waits_for_velero(each)]
    if kept == held:
        return
    spec["initContainers"] = kept
    if not kept:
        del spec["initContainers"]
    yield "/spec/initContainers"


def _waits_for_velero(container: Object) -> bool:
    words = [str(container.get("image", "")), *map(str, container.get("command") or ())]
    return container.get("name") in _WAITS and any("restore-helper" in each for each in words)


def claim_binding(obj: Object) -> Iterator[str]:
    """Remove the binding: with its old volume's name the claim would be Lost."""
    annotations = obj["metadata"].get("annotations")
    yield from _drop(annotations, _CLAIM_MARKS, "/metadata/annotations")
    if annotations == {}:
        del obj["metadata"]["annotations"]
    yield from _drop(obj.get("spec"), ("volumeName", "dataSource", "dataSourceRef"), "/spec")


def volume_binding(obj: Object) -> Iterator[str]:
    """Remove the uid of the claimRef: without a uid it is a reservation; with the old uid the
    volume would stay Released."""
    claim = (obj.get("spec") or {}).get("claimRef")
    yield from _drop(claim, ("uid", "resourceVersion"), "/spec/claimRef")


def job_selector(obj: Object) -> Iterator[str]:
    """Remove labels and selector that were generated from the Job's uid, unless a person chose
    them: then the API server generates none, and both have to fit."""
    spec = obj.get("spec") or {}
    if spec.get("manualSelector"):
        return
    template = (spec.get("template") or {}).get("metadata") or {}
    yield from _drop(obj["metadata"].get("labels"), _JOB_LABELS, "/metadata/labels")
    yield from _drop(template.get("labels"), _JOB_LABELS, "/spec/template/metadata/labels")
    yield from _drop(spec, ("selector",), "/spec")


_FILLED_IN = ("token", "ca.crt", "namespace")
_ACCOUNT = "kubernetes.io/service-account.name"
_ACCOUNT_UID = "kubernetes.io/service-account.uid"


def account_tokens(obj: Object) -> Iterator[str]:
    """Names of Secrets that controllers made: the token controller, and OpenShift's for the
    credentials of its registry, which are among the pull Secrets as well."""
    account = obj["metadata"]["name"]
    for field in ("secrets", "imagePullSecrets"):
        held = obj.get(field)
        if held is None:
            continue
        kept = [each for each in held if not is_generated_name(str(each.get("name", "")), account)]
        if kept != held:
            obj[field] = kept
            yield f"/{field}"
        if not kept:
            del obj[field]


def token_content(obj: Object) -> Iterator[str]:
    """Remove tokens, which are bound to the uid of their ServiceAccount; the token controller
    issues new ones."""
    if obj.get("type") != "kubernetes.io/service-account-token":
        return
    yield from _drop(obj["metadata"].get("annotations"), (_ACCOUNT_UID,), "/metadata/annotations")
    yield from _drop(obj.get("data"), _FILLED_IN, "/data")
    if obj.get("data") == {}:
        del obj["data"]


def namespace_system_fields(obj: Object) -> Iterator[str]:
    """Remove `spec.finalizers` and the name label, which the server sets."""
    yield from _drop(obj, ("spec",), "")
    labels = obj["metadata"].get("labels")
    yield from _drop(labels, ("kubernetes.io/metadata.name",), "/metadata/labels")
    if labels == {}:
        del obj["metadata"]["labels"]


def consent(obj: Object) -> Iterator[str]:
    """Remove labels that grant consent: people decide on the cluster what a namespace permits."""
    for field, key in (("labels", CONSENT), ("annotations", PAUSED)):
        held = obj["metadata"].get(field)
        yield from _drop(held, (key,), f"/metadata/{field}")
        if held == {}:
            del obj["metadata"][field]


_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def template_generation(obj: Object) -> Iterator[str]:
    """Remove the counter of a DaemonSet's templates: a create begins with 1."""
    annotations = obj["metadata"].get("annotations")
    yield from _drop(annotations, (_TEMPLATE_GENERATION,), "/metadata/annotations")
    if annotations == {}:
        del obj["metadata"]["annotations"]


def rollout_revision(obj: Object) -> Iterator[str]:
    """Remove the revision, which the Deployment controller counts."""
    annotations = obj["metadata"].get("annotations")
    yield from _drop(annotations, ("deployment.kubernetes.io/revision",), "/metadata/annotations")
    if annotations == {}:
        del obj["metadata"]["annotations"]


def definition_of_before(obj: Object) -> Iterator[str]:
    """A definition from the time of v1beta1 may still keep unknown fields by a switch for the
    whole, which v1 reads and nobody may create: each schema says the same."""
    spec = obj.get("spec") or {}
    if not spec.get("preserveUnknownFields"):
        return
    del spec["preserveUnknownFields"]
    yield "/spec/preserveUnknownFields"
    for number, version in enumerate(spec.get("versions") or ()):
        holder = version.setdefault("schema", {})
        schema = holder.setdefault("openAPIV3Schema", {"type": "object"})
        schema["x-kubernetes-preserve-unknown-fields"] = True
        yield f"/spec/versions/{number}/schema/openAPIV3Schema/x-kubernetes-preserve-unknown-fields"


_ADDRESSES = "service addresses"
_ALLOC = "pkg/registry/core/service/storage/alloc.go"
_STRATEGY = "k8s.io/apiserver/pkg/registry/rest/create.go BeforeCreate"

RULES: tuple[Rule, ...] = (
    Rule(_ADDRESSES, frozenset({"Service"}), _ALLOC, chosen_addresses),
    Rule("server metadata", frozenset(), _STRATEGY, server_metadata),
    Rule("status", frozenset(), "strategy PrepareForCreate of each kind", status),
    Rule("marks of a restore", frozenset(), "velero.io labels; ours", marks),
    Rule(
        "finalizers of the moment",
        frozenset(),
        "pkg/controller/garbagecollector; external-snapshotter and external-provisioner",
        finalizers_of_the_moment,
    ),
    Rule(
        "Pod placement",
        frozenset({"Pod"}),
        "pkg/scheduler; plugin/pkg/admission/priority and runtimeclass",
        pod_placement,
    ),
    Rule(
        "debug containers",
        frozenset({"Pod"}),
        "pkg/registry/core/pod/strategy.go; validation: ephemeralContainers on create",
        debug_containers,
    ),
    Rule(
        "Pod token volumes",
        frozenset({"Pod"}),
        "plugin/pkg/admission/serviceaccount",
        pod_token_volumes,
    ),
    Rule(
        "Velero's wait",
        frozenset({"Pod"}),
        "velero pkg/restore/actions/pod_volume_restore_action.go",
        velero_wait,
    ),
    Rule(
        "claim binding",
        frozenset({"PersistentVolumeClaim"}),
        "pkg/controller/volume/persistentvolume/pv_controller.go",
        claim_binding,
    ),
    Rule(
        "volume binding",
        frozenset({"PersistentVolume"}),
        "pkg/controller/volume/persistentvolume/pv_controller.go",
        volume_binding,
    ),
    Rule(
        "Job selector",
        frozenset({"Job.batch"}),
        "pkg/registry/batch/job/strategy.go",
        job_selector,
    ),
    Rule(
        "token Secrets of an account",
        frozenset({"ServiceAccount"}),
        "pkg/controller/serviceaccount/tokens_controller.go",
        account_tokens,
    ),
    Rule(
        "token of an account",
        frozenset({"Secret"}),
        "pkg/controller/serviceaccount/tokens_controller.go",
        token_content,
    ),
    Rule(
        "namespace system fields",
        frozenset({"Namespace"}),
        "pkg/registry/core/namespace/strategy.go",
        namespace_system_fields,
    ),
    Rule("consent", frozenset({"Namespace"}), "resilience.engine.guard.consent", consent),
    Rule(
        "rollout revision",
        frozenset({"Deployment.apps", "ReplicaSet.apps"}),
        "pkg/controller/deployment/util/deployment_util.go",
        rollout_revision,
    ),
    Rule(
        "definition of before",
        frozenset({"CustomResourceDefinition.apiextensions.k8s.io"}),
        "apiextensions-apiserver, pkg/apis/apiextensions/validation",
        definition_of_before,
    ),
    Rule(
        "template generation",
        frozenset({"DaemonSet.apps"}),
        "pkg/apis/apps/v1/conversion.go; pkg/registry/apps/daemonset/strategy.go",
        template_generation,
    ),
)


def with_allocations(kept: Allocations) -> tuple[Rule, ...]:
    """The rules, with another treatment of values that the API server may allocate."""
    others = tuple(rule for rule in RULES if rule.name != _ADDRESSES)
    new = Rule(_ADDRESSES, frozenset({"Service"}), _ALLOC, service_addresses)
    return RULES if kept == "chosen" else others if kept == "keep" else (new, *others)


def strip(obj: Object, rules: Iterable[Rule] = RULES) -> dict[str, list[str]]:
    """Apply all rules that match; pointers by the name of the rule that changed them."""
    kind, touched = identity(obj), dict[str, list[str]]()
    for rule in rules:
        fits = not rule.kinds or kind in rule.kinds
        if fits and (pointers := list(rule.apply(obj))):
            touched[rule.name] = pointers
    return touched


def leave_allocated(live: Object, wanted: Object) -> None:
    """Remove from `live` the server's defaults where `wanted` has no value, so that the two can be
    compared."""
    if "status" not in wanted:
        live.pop("status", None)
    if identity(live) != "Service":
        return
    mine, theirs = wanted.get("spec") or {}, live.get("spec") or {}
    for key in ("clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies"):
        if key not in mine:
            theirs.pop(key, None)
    chosen = {_port(each) for each in mine.get("ports") or () if "nodePort" in each}
    for each in theirs.get("ports") or ():
        if _port(each) not in chosen:
            each.pop("nodePort", None)


def _port(port: Object) -> tuple[Any, Any]:
    return port.get("port"), port.get("protocol", "TCP")
