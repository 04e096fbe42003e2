"""The outcome of a run in one sentence for people who do not know Kubernetes. Pure.

It names what was broken and how the service coped, in everyday words: no Pods, no objectives, no
percentiles. An unmeasured result is never called good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from resilience.model.finding import Figure, Finding, Kind, Result
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.model.words import many, percent, span

DONE: Mapping[str, str] = {
    "apply": "its configuration was changed",
    "chaos_mesh": "a fault was injected",
    "cordon": "a machine stopped accepting new copies of it",
    "crash": "the program in some of its copies crashed",
    "delete": "a part of it was deleted",
    "drain": "a machine it runs on was emptied, as for maintenance",
    "evict": "some of its copies had to move to other machines",
    "exec": "a command was run inside it",
    "kill": "some of its copies were stopped",
    "node_down": "a machine it runs on was switched off",
    "partition": "the network between its parts was cut",
    "quarantine": "some of its copies were cut off from their users",
    "reboot": "a machine it runs on was restarted",
    "restart": "all of its copies were replaced",
    "restore": "a backup was restored",
    "run_job": "a one-time task was run",
    "scale": "the number of its copies was changed",
    "set_image": "another version was rolled out",
    "snapshot": "a backup was taken",
    "suspend": "some of its copies were frozen",
    "taint": "a machine stopped accepting it",
    "zone": "a whole data centre was switched off",
}
"""What an action does, by its verb."""

UNKNOWN: Mapping[Outcome, str] = {
    Outcome.HARNESS_ERROR: "The test itself could not be carried out, so it says nothing about the "
    "service.",
    Outcome.REFUSED: "Nothing was tried: the test was not allowed to touch the system.",
    Outcome.BLOCKED: "The test could not continue, because a safety rule of the system did not "
    "allow it to stop a copy of the service.",
    Outcome.INTERRUPTED: "The test was stopped before its end, so it says nothing about the "
    "service.",
    Outcome.UNDO_INCOMPLETE: "The test left something changed in the system: someone has to "
    "restore it.",
    Outcome.NOT_MEASURED: "The test could not measure enough to judge: this is neither good nor "
    "bad news.",
}


def plain(record: RunRecord) -> str:
    """One sentence."""
    if unknown := UNKNOWN.get(record.outcome):
        return unknown
    passed = record.outcome is Outcome.PASSED
    kinds = {step.verb for step in record.steps}
    for verb, tell in _PLANS.items():
        if verb in kinds:
            return tell(record.findings, passed)
    return _service(record, passed)


def _service(record: RunRecord, passed: bool) -> str:
    done = _joined(_done(record))
    while_ = f" while {done}" if done else ""
    became = "The service withstood it" if passed else "The service did not withstand it"
    if not done:
        became = (
            "The service was as it should be" if passed else "The service was not as it should be"
        )
    measured = _measured(record.findings)
    return f"{became}: {measured}{while_}." if measured else f"{became}{_what(done)}."


def _what(done: str) -> str:
    return f" when {done}" if done else ""


def _done(record: RunRecord) -> Iterable[str]:
    """The actions in `when` that took effect, in order and without repeats: an optional one may
    have found nothing to do."""
    acts = [step for step in record.steps if step.phase == "when" and step.verb in DONE]
    return dict.fromkeys(DONE[step.verb] for step in acts if step.result is not Result.NOT_MEASURED)


def _joined(texts: Iterable[str]) -> str:
    several = list(texts)
    if len(several) < 2:
        return "".join(several)
    return f"{', '.join(several[:-1])} and {several[-1]}"


def _measured(findings: Sequence[Finding]) -> str:
    """The worst of several probes and windows."""
    texts = [
        _answered(_worst(findings, Kind.AVAILABILITY, low=True)),
        _broken(_worst(findings, Kind.OUTAGE)),
        _lost(findings),
    ]
    return _joined(filter(None, texts))


def _worst(findings: Sequence[Finding], kind: Kind, *, low: bool = False) -> Finding | None:
    known = [each for each in findings if each.kind is kind and each.value is not None]
    missed = [each for each in known if each.result is Result.FAILED] or known
    return (min if low else max)(missed, key=lambda each: each.value or 0.0, default=None)


def _answered(finding: Finding | None) -> str:
    if finding is None or finding.value is None:
        return ""
    if finding.value == 1:
        return "every request was answered"
    wanted = ""
    if finding.result is Result.FAILED and finding.limit is not None:
        wanted = f" instead of {_percent(finding.limit)}"
    return f"{_percent(finding.value)} of all requests were answered well{wanted}"


def _percent(ratio: float) -> str:
    """The percentage of a decimal as it is written: 0.99 is 99%, although no float equals 0.99
    exactly."""
    return percent(Fraction(str(ratio)))


def _broken(finding: Finding | None) -> str:
    if finding is None or not finding.value:
        return ""
    wanted = ""
    if finding.result is Result.FAILED and finding.limit is not None:
        wanted = f" ({span(finding.limit)} are allowed)"
    return f"it was out for {span(finding.value)}{wanted}"


def _lost(findings: Sequence[Finding]) -> str:
    lost = [int(each.value) for each in findings
            if each.figure is Figure.LOST and each.value is not None]  # fmt: skip
    if not lost:
        return ""
    worst = max(lost)
    if not worst:
        return "nothing that was saved was lost"
    return f"{worst:,} saved entr{'y was' if worst == 1 else 'ies were'} lost"


def _drill(findings: Sequence[Finding], passed: bool) -> str:
    took = _figure(findings, Figure.RTO)
    time = ""
    if took is not None and took.value is not None:
        limit = f", {span(took.limit)} are allowed" if took.limit else ""
        time = f" It took {span(took.value)}{limit}."
    if passed:
        return f"The backup can be restored: a copy was restored separately and compared.{time}"
    return f"The backup could not be restored as wanted.{time}"


def _fresh(findings: Sequence[Finding], passed: bool) -> str:
    age = _figure(findings, Figure.RPO)
    if age is None or age.value is None:
        return "There is no backup that was ever checked." if not passed else _RECENT
    limit = f", {_old(age.limit)} are allowed" if age.limit else ""
    old = f"the newest checked backup is {_old(age.value)} old{limit}"
    return f"Backups are {'recent enough' if passed else 'not as they should be'}: {old}."


_RECENT = "Backups are recent enough."


def _old(seconds: float) -> str:
    """Hours read better than thousands of minutes."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return many(round(seconds / size), unit)
    return many(round(seconds), "second")


def _intact(findings: Sequence[Finding], passed: bool) -> str:
    if passed:
        return "The newest backup is complete and unchanged."
    return "The newest backup is damaged, incomplete or missing."


_PLANS = {"drill": _drill, "fresh": _fresh, "intact": _intact}
"""The three checks of a plan, by their verb."""


def _figure(findings: Sequence[Finding], figure: Figure) -> Finding | None:
    return next((each for each in findings if each.figure is figure), None)
