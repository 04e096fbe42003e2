"""A report as JUnit XML: one test case for each rule, failed where it found something."""

from __future__ import annotations

from xml.etree import ElementTree

from resilience.audit.base.finding import Audit, Finding
from resilience.audit.base.rule import Level, Rule
from resilience.model.words import printable


def text(audit: Audit, fail_on: Level) -> str:
    """`fail_on` is the lowest level that fails; less severe findings are in system-out."""
    suite = ElementTree.Element("testsuite", name="resilience audit")
    failures = skipped = 0
    for rule in audit.rules:
        case = ElementTree.SubElement(suite, "testcase", classname="audit", name=rule.id)
        found = [each for each in audit.open if each.rule.id == rule.id]
        failing = [each for each in found if each.level >= fail_on]
        if rule.id in audit.skipped:
            skipped += 1
            ElementTree.SubElement(case, "skipped", message=audit.skipped[rule.id])
        elif failing:
            failures += 1
            failure = ElementTree.SubElement(case, "failure", message=printable(_headline(failing)))
            failure.text = printable(report(rule, found))
        elif found:
            ElementTree.SubElement(case, "system-out").text = printable(report(rule, found))
    for line in audit.unread:
        case = ElementTree.SubElement(suite, "testcase", classname="audit", name="reading")
        ElementTree.SubElement(case, "error", message=printable(line))
    suite.set("tests", str(len(audit.rules) + len(audit.unread)))
    suite.set("failures", str(failures))
    suite.set("errors", str(len(audit.unread)))
    suite.set("skipped", str(skipped))
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _headline(found: list[Finding]) -> str:
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0].subject}: {found[0].text}{more}"


def report(rule: Rule, found: list[Finding]) -> str:
    """The text of one failed rule: each object, why, what to do, how to prove the first."""
    proof = next((each.proof for each in found if each.proof), "")
    lines = [f"{each.subject}: {each.text}" for each in found]
    lines += [f"why: {rule.reason}", f"do: {rule.remedy}", f"see: {rule.link}"]
    return "\n".join([*lines, *(["prove it:", proof] if proof else [])])
