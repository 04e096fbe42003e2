"""The table of Pods, with the STATUS word.

Source: pkg/printers/internalversion/printers.go, `printPod`.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.tables import cell_texts

COLUMNS = (
    ("Name", "string", 0),
    ("Ready", "string", 0),
    ("Status", "string", 0),
    ("Restarts", "string", 0),
    ("Age", "string", 0),
    ("IP", "string", 1),
    ("Node", "string", 1),
    ("Nominated Node", "string", 1),
    ("Readiness Gates", "string", 1),
)


class _Count:
    """Sums over a Pod's containers."""

    def __init__(self) -> None:
        self.ready = 0
        self.restarts = 0
        self.last_restart = ""

    def add_restarts(self, status: dict[str, Any]) -> None:
        self.restarts += int(status.get("restartCount") or 0)
        ended = ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""
        self.last_restart = max(self.last_restart, ended)


def row(pod: dict[str, Any], now: float) -> list[Any]:
    """The cells of one Pod."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    word, count = summary(pod)
    restarts = str(count.restarts)
    if count.restarts and count.last_restart:
        restarts += f" ({cell_texts.since(count.last_restart, now)} ago)"
    total = len(spec.get("containers") or ()) + sum(
        1 for entry in spec.get("initContainers") or () if _sidecar(entry)
    )
    gates = spec.get("readinessGates") or ()
    conditions = {
        entry.get("type"): entry.get("status") for entry in status.get("conditions") or ()
    }
    met = sum(1 for gate in gates if conditions.get(gate.get("conditionType")) == "True")
    return [
        pod["metadata"]["name"],
        f"{count.ready}/{total}",
        word,
        restarts,
        cell_texts.age(pod, now),
        status.get("podIP") or cell_texts.NONE,
        spec.get("nodeName") or cell_texts.NONE,
        status.get("nominatedNodeName") or cell_texts.NONE,
        f"{met}/{len(gates)}" if gates else cell_texts.NONE,
    ]


def summary(pod: dict[str, Any]) -> tuple[str, _Count]:
    """The STATUS word, and ready containers and restarts."""
    status, count = pod.get("status") or {}, _Count()
    conditions = {entry.get("type"): entry for entry in status.get("conditions") or ()}
    word = status.get("reason") or status.get("phase") or "Unknown"
    if (conditions.get("PodScheduled") or {}).get("reason") == "SchedulingGated":
        word = "SchedulingGated"
    initial = _initial(pod, count)
    if initial is None or (conditions.get("Initialized") or {}).get("status") == "True":
        word = _main(status, count, word, conditions)
    else:
        word = initial
    if "deletionTimestamp" in pod["metadata"]:
        if status.get("reason") == "NodeLost":
            word = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            word = "Terminating"
    return word, count


def _sidecar(container: dict[str, Any]) -> bool:
    return container.get("restartPolicy") == "Always"


def _initial(pod: dict[str, Any], count: _Count) -> str | None:
    """The word while init containers run; None when they are done."""
    specs = (pod.get("spec") or {}).get("initContainers") or ()
    by_name = {entry.get("name"): entry for entry in specs}
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or ()
    for at, status in enumerate(statuses):
        sidecar = _sidecar(by_name.get(status.get("name"), {}))
        if sidecar or not _ended_well(status):
            count.add_restarts(status)
        if sidecar and status.get("started"):
            count.ready += 1 if status.get("ready") else 0
            continue
        if _ended_well(status):
            continue
        state = status.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended:
            return "Init:" + _ended_word(ended)
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}"
        return f"Init:{at}/{len(specs)}"
    return None


def _ended_well(status: dict[str, Any]) -> bool:
    ended = (status.get("state") or {}).get("terminated")
    return ended is not None and ended.get("exitCode", 0) == 0


def _ended_word(ended: dict[str, Any]) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"


def _main(
    status: dict[str, Any], count: _Count, word: str, conditions: dict[Any, dict[str, Any]]
) -> str:
    running = False
    for entry in reversed(status.get("containerStatuses") or ()):
        count.add_restarts(entry)
        state = entry.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            word = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            word = _ended_word(state["terminated"])
        elif entry.get("ready") and state.get("running") is not None:
            running = True
            count.ready += 1
    if word == "Completed" and running:
        return "Running" if (conditions.get("Ready") or {}).get("status") == "True" else "NotReady"
    return word
