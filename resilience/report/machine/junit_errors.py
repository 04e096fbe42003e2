"""JUnit knows two kinds: a service that broke its objective is a `<failure>`, a scenario that was
not judged is an `<error>`.

pytest writes a `<failure>` for both, and CI dashboards then show a refused or unmeasured run as a
bad service. So its file is corrected once it is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from resilience.model.verdict import Outcome

JUDGED = frozenset({Outcome.PASSED.value, Outcome.SERVICE_FAILED.value})


def corrected(path: Path) -> None:
    """Rewrite the file if a test case in it was not judged. OSError if that is impossible."""
    tree = ElementTree.parse(path)
    if sum([_corrected(suite) for suite in tree.iter("testsuite")]) == 0:
        return
    new = path.with_name(f"{path.name}.new")
    tree.write(new, encoding="utf-8", xml_declaration=True)
    os.replace(new, path)


def _corrected(suite: Element) -> int:
    """How many `<failure>` became an `<error>`."""
    found = [
        failure
        for case in suite.iter("testcase")
        if _outcome(case) not in JUDGED
        for failure in case.iter("failure")
    ]
    for failure in found:
        failure.tag = "error"
    for name, change in (("failures", -len(found)), ("errors", len(found))):
        suite.set(name, str(int(suite.get(name, "0")) + change))
    return len(found)


def _outcome(case: Element) -> str:
    """What our property says; of another's test, that it was judged."""
    for each in case.iter("property"):
        if each.get("name") == "resilience.outcome":
            return each.get("value", "")
    return Outcome.SERVICE_FAILED.value
