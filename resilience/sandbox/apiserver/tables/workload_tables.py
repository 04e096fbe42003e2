"""Tables of apps, batch, policy and autoscaling kinds.

Source: pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.tables import cell_texts
from resilience.sandbox.host.sandbox_clock import parse_stamp

Row = list[Any]
_WIDE = (("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1))
_NAME, _AGE = ("Name", "string", 0), ("Age", "string", 0)

DEPLOYMENT = (
    _NAME,
    ("Ready", "string", 0),
    ("Up-to-date", "string", 0),
    ("Available", "string", 0),
    _AGE,
    *_WIDE,
)
REPLICA_SET = (
    _NAME,
    ("Desired", "integer", 0),
    ("Current", "integer", 0),
    ("Ready", "integer", 0),
    _AGE,
    *_WIDE,
)
STATEFUL_SET = (_NAME, ("Ready", "string", 0), _AGE, *_WIDE[:2])
DAEMON_SET = (
    _NAME,
    ("Desired", "integer", 0),
    ("Current", "integer", 0),
    ("Ready", "integer", 0),
    ("Up-to-date", "integer", 0),
    ("Available", "integer", 0),
    ("Node Selector", "string", 0),
    _AGE,
    *_WIDE,
)
JOB = (
    _NAME,
    ("Status", "string", 0),
    ("Completions", "string", 0),
    ("Duration", "string", 0),
    _AGE,
    *_WIDE,
)
CRON_JOB = (
    _NAME,
    ("Schedule", "string", 0),
    ("Timezone", "string", 0),
    ("Suspend", "boolean", 0),
    ("Active", "integer", 0),
    ("Last Schedule", "string", 0),
    _AGE,
    *_WIDE,
)
BUDGET = (
    _NAME,
    ("Min Available", "string", 0),
    ("Max Unavailable", "string", 0),
    ("Allowed Disruptions", "integer", 0),
    _AGE,
)
AUTOSCALER = (
    _NAME,
    ("Reference", "string", 0),
    ("Targets", "string", 0),
    ("MinPods", "string", 0),
    ("MaxPods", "string", 0),
    ("Replicas", "string", 0),
    _AGE,
)
REVISION = (_NAME, ("Controller", "string", 0), ("Revision", "string", 0), _AGE)


def _parts(obj: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return obj["metadata"]["name"], obj.get("spec") or {}, obj.get("status") or {}


def _wide(spec: dict[str, Any]) -> Row:
    return [*cell_texts.containers(spec.get("template")), cell_texts.selector(spec.get("selector"))]


def deployment(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    return [
        name,
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        cell_texts.age(obj, now),
        *_wide(spec),
    ]


def replica_set(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    return [
        name,
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        cell_texts.age(obj, now),
        *_wide(spec),
    ]


def stateful_set(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    return [
        name,
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        cell_texts.age(obj, now),
        *cell_texts.containers(spec.get("template")),
    ]


def daemon_set(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    nodes = ((spec.get("template") or {}).get("spec") or {}).get("nodeSelector")
    return [
        name,
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        cell_texts.selector(nodes),
        cell_texts.age(obj, now),
        *_wide(spec),
    ]


def job(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    wanted, done = spec.get("completions"), status.get("succeeded", 0)
    if wanted is not None:
        completions = f"{done}/{wanted}"
    else:
        parallel = spec.get("parallelism") or 0
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    took = ""
    if status.get("startTime"):
        end = status.get("completionTime")
        took = cell_texts.duration(
            (parse_stamp(end) if end else now) - parse_stamp(status["startTime"])
        )
    return [name, _job_word(obj), completions, took, cell_texts.age(obj, now), *_wide(spec)]


def _job_word(obj: dict[str, Any]) -> str:
    status = obj.get("status") or {}
    true = {
        entry.get("type")
        for entry in status.get("conditions") or ()
        if entry.get("status") == "True"
    }
    for condition, word in (("Complete", "Complete"), ("Failed", "Failed")):
        if condition in true:
            return word
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    for condition in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if condition in true:
            return condition
    return "Running"


def cron_job(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    last = status.get("lastScheduleTime")
    inner = (spec.get("jobTemplate") or {}).get("spec") or {}
    return [
        name,
        spec.get("schedule", ""),
        spec.get("timeZone") or cell_texts.NONE,
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        cell_texts.since(last, now) if last else cell_texts.NONE,
        cell_texts.age(obj, now),
        *_wide(inner),
    ]


def budget(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    return [
        name,
        "N/A" if least is None else str(least),
        "N/A" if most is None else str(most),
        status.get("disruptionsAllowed", 0),
        cell_texts.age(obj, now),
    ]


def autoscaler(obj: dict[str, Any], now: float) -> Row:
    name, spec, status = _parts(obj)
    target = spec.get("scaleTargetRef") or {}
    return [
        name,
        f"{target.get('kind', '')}/{target.get('name', '')}",
        cell_texts.UNKNOWN if spec.get("metrics") else cell_texts.NONE,
        str(spec.get("minReplicas", cell_texts.UNSET)),
        str(spec.get("maxReplicas", 0)),
        str(status.get("currentReplicas", 0)),
        cell_texts.age(obj, now),
    ]


def revision(obj: dict[str, Any], now: float) -> Row:
    owner = next(
        (
            entry
            for entry in obj["metadata"].get("ownerReferences") or ()
            if entry.get("controller")
        ),
        None,
    )
    controller = cell_texts.NONE
    if owner:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        kind = owner.get("kind", "").lower() + (f".{group}" if group else "")
        controller = f"{kind}/{owner.get('name', '')}"
    return [
        obj["metadata"]["name"],
        controller,
        str(obj.get("revision", 0)),
        cell_texts.age(obj, now),
    ]
