"""Which workloads opted in, and on what terms: by this project's label, or those of kube-monkey or
chaoskube.

A workload opts in by the label `resilience.io/enabled: "true"` on it or its Pods; by kube-monkey's
labels `enabled` and `identifier` on it, unless its Pods carry others; or, Pod by Pod, by
chaoskube's annotation. This project's label with any other value opts out, regardless of other
labels. Invalid kube-monkey labels do not count as consent. Pure: objects in, terms out.

kube-monkey: docs/opting-in.md, "Where to put the labels"; internal/pkg/victims. chaoskube: README,
"--annotations".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.values import Duration

ENABLED = "resilience.io/enabled"
MONKEY = "kube-monkey/"
CHAOSKUBE = "chaos.alpha.kubernetes.io/enabled"
MODES = ("kill-all", "fixed", "random-max-percent", "fixed-percent")
_DAYS = re.compile(r"[0-9]{1,6}")


class Unreadable(ValueError):
    """A label with a value that has no meaning; the text names it and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a workload opted in: `by` the label or annotation. `mtbf` and `mode` are the workload's
    own; None and "" leave them to the scenario."""

    by: str
    mtbf: Duration | None = None
    mode: str = ""
    value: int = 0

    def number(self, there: int, random: Random) -> int:
        """How many of its `there` Pods the workload's own mode offers; 0 when a percentage is less
        than one Pod."""
        if self.mode == "kill-all":
            return there
        if self.mode == "fixed":
            return min(self.value, there)
        most = there * self.value // 100
        return random.randint(1, most) if self.mode == "random-max-percent" and most else most


def terms(workload: Object | None, pod: Object) -> Terms | None:
    """None when it has not opted in; Unreadable for invalid labels of kube-monkey. `workload` is
    None for a bare Pod, and where its kind cannot be read."""
    labels = objects.labels(workload if workload is not None else pod)
    own = {each[ENABLED] for each in (labels, objects.labels(pod)) if ENABLED in each}
    if own:
        return Terms(by=ENABLED) if own == {"true"} else None
    if workload is not None and _monkey_enabled(labels, objects.labels(pod)):
        return _of_monkey({key.removeprefix(MONKEY): value for key, value in labels.items()
                           if key.startswith(MONKEY)})  # fmt: skip
    if objects.annotation(pod, CHAOSKUBE) == "true":
        return Terms(by=CHAOSKUBE)
    return None


def _monkey_enabled(labels: Mapping[str, str], pod: Mapping[str, str]) -> bool:
    for name in (MONKEY + "enabled", MONKEY + "identifier"):
        if not labels.get(name) or pod.get(name, labels[name]) != labels[name]:
            return False
    return labels[MONKEY + "enabled"] == "enabled"


def _of_monkey(said: dict[str, str]) -> Terms:
    mode = said.get("kill-mode", "")
    if mode and mode not in MODES:
        raise Unreadable(f"{MONKEY}kill-mode={mode}; expected {', '.join(MODES)}")
    return Terms(
        by=f"{MONKEY}enabled",
        mtbf=_mtbf(said["mtbf"]) if "mtbf" in said else None,
        mode=mode,
        value=_value(mode, said.get("kill-value", "")),
    )


def _mtbf(text: str) -> Duration:
    """A number of days, or a duration with its unit."""
    try:
        found = Duration.parse(f"{text}d" if _DAYS.fullmatch(text) else text)
    except ValueError:
        found = Duration.parse("0")
    if not found.exact:
        raise Unreadable(f"{MONKEY}mtbf={text}; expected a number of days, such as 3")
    return found


def _value(mode: str, text: str) -> int:
    if mode in ("", "kill-all"):
        return 0
    most = 100 if mode.endswith("percent") else 10**6
    if not _DAYS.fullmatch(text) or not 1 <= int(text) <= most:
        raise Unreadable(f"{MONKEY}kill-value={text}; expected a number from 1 to {most}")
    return int(text)
