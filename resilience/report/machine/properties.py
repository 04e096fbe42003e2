"""JUnit properties of one run: names are stable, values are numbers where possible."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.model.report import RunRecord
from resilience.model.timeline import What
from resilience.report import wording


def properties(record: RunRecord) -> list[tuple[str, str]]:
    """The properties in order; each is one `<property>` of the test case."""
    return list(_properties(record))


def _properties(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "resilience.outcome", record.outcome.value
    yield "resilience.run", record.run
    if record.member:
        yield "resilience.cluster", record.member
    if record.before:
        yield "resilience.measured_before", record.before
    yield "resilience.seed", str(record.seed)
    yield "resilience.seconds", f"{record.ended - record.started:.3f}"
    for entry in record.timeline:
        if entry.what is What.VICTIM:
            yield "resilience.victim", entry.text
    for finding in record.findings:
        name = f"resilience.{finding.name}"
        yield name, finding.result.value
        yield f"{name}.promised", wording.promised(finding)
        yield f"{name}.measured", wording.measured(finding)
        if finding.reason is not None:
            yield f"{name}.reason", finding.reason.value
        if finding.value is not None:
            yield f"{name}.value", f"{finding.value:.9g}"
    for text in record.leftovers:
        yield "resilience.leftover", text
