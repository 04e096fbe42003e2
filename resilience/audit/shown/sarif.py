"""A report as SARIF 2.1.0 (OASIS), which GitHub, GitLab and editors show beside the manifest.

A finding of a live cluster has no file: its place is the logical location alone, and tools that
want a file show it without one. Fingerprints are stable across lines.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

from resilience import __version__
from resilience.audit.base.finding import Audit, Finding
from resilience.audit.base.rule import Level, Rule

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}


def document(audit: Audit) -> dict[str, Any]:
    """One run."""
    ids = {rule.id: number for number, rule in enumerate(audit.rules)}
    driver = {
        "name": "resilience audit",
        "version": __version__,
        "informationUri": "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/",
        "rules": [_rule(rule) for rule in audit.rules],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "results": [_result(each, ids) for each in audit.findings],
        "invocations": [
            {
                "executionSuccessful": not audit.unread,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": each}} for each in audit.unread
                ],
            }
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.reason},
        "help": {"text": f"{rule.remedy} {rule.link}"},
        "helpUri": rule.link,
        "defaultConfiguration": {"level": LEVELS[rule.level]},
    }


def _result(found: Finding, ids: dict[str, int]) -> dict[str, Any]:
    proof = f"\nProve it:\n{found.proof}" if found.proof else ""
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": found.object, "kind": "object"}]
    }
    if found.place is not None and found.place.file != "stdin":
        location["physicalLocation"] = {
            "artifactLocation": {"uri": quote(found.place.file)},
            "region": {"startLine": found.place.line, "startColumn": found.place.column},
        }
    digest = hashlib.sha256("\0".join(found.identity).encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": found.rule.id,
        "ruleIndex": ids[found.rule.id],
        "level": LEVELS[found.level],
        "message": {"text": f"{found.subject}: {found.text}. {found.rule.remedy}{proof}"},
        "locations": [location],
        "partialFingerprints": {"resilience/v1": digest},
    }
    if found.accepted:
        result["suppressions"] = [{"kind": "external", "justification": found.accepted}]
    return result


def text(audit: Audit) -> str:
    """Indented."""
    return json.dumps(document(audit), indent=2) + "\n"
