"""A report for people: rule by rule, the worst first, each with what to do and how to prove it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from resilience.audit.base.finding import Audit, Finding
from resilience.audit.base.rule import Level
from resilience.model.words import many, printable

MOST = 20
"""Objects shown of each rule; the other forms have all."""


def table(audit: Audit) -> str:
    """The whole text."""
    lines: list[str] = []
    for (_, _), group in groupby(audit.open, key=lambda each: (-each.level, each.rule.id)):
        lines += [*_rule(list(group)), ""]
    lines += _rest(audit)
    return printable("\n".join([*lines, summary(audit)])) + "\n"


def _rule(found: Sequence[Finding]) -> Iterator[str]:
    rule = found[0].rule
    yield f"{found[0].level.word}: {rule.title} [{rule.id}]"
    width = min(60, max(len(each.subject) for each in found[:MOST]))
    for each in found[:MOST]:
        where = f"  ({each.place.file}:{each.place.line})" if each.place else ""
        yield f"  {each.subject:<{width}}  {each.text}{where}"
    if len(found) > MOST:
        yield f"  and {len(found) - MOST:,} more; `-o json` lists all"
    yield f"  why: {rule.reason}"
    yield f"  do:  {rule.remedy}"
    proven = next((each for each in found if each.proof), None)
    if proven is None:
        yield "  prove: by reading only; no scenario shows more"
    else:
        yield f"  prove it for {proven.object}:"
        yield from (f"      {line}" for line in proven.proof.splitlines())


def _rest(audit: Audit) -> Iterator[str]:
    for text in audit.unread:
        yield f"not read: {text}"
    lacking = {reason: [] for rule, reason in audit.skipped.items() if "reads" not in reason}  # type: dict[str, list[str]]
    for rule, reason in audit.skipped.items():
        if reason in lacking:
            lacking[reason].append(rule)
    for reason, rules in sorted(lacking.items()):
        yield f"not checked: {', '.join(rules)}: {reason}"
    for text in audit.notices:
        yield f"note: {text}"


def summary(audit: Audit) -> str:
    """`12 findings (2 errors, 10 warnings) in 30 objects; 3 accepted`."""
    counted = [
        many(sum(each.level is level for each in audit.open), level.word)
        for level in sorted(Level, reverse=True)
        if any(each.level is level for each in audit.open)
    ]
    said = f" ({', '.join(counted)})" if counted else ""
    accepted = len(audit.findings) - len(audit.open)
    more = f"; {accepted} accepted" if accepted else ""
    return f"{many(len(audit.open), 'finding')}{said} in {many(audit.examined, 'object')}{more}"
