"""A report as JSON or YAML: all findings, the accepted ones too, and what was not checked."""

from __future__ import annotations

import json
from typing import Any

from resilience.audit.base.finding import Audit, Finding


def document(audit: Audit) -> dict[str, Any]:
    """The value that `-o json` and `-o yaml` print; `version` changes when a key changes its
    meaning."""
    return {
        "version": 1,
        "examined": audit.examined,
        "findings": [_finding(each) for each in audit.findings],
        "not_read": list(audit.unread),
        "not_checked": dict(sorted(audit.skipped.items())),
        "notes": list(audit.notices),
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.rule.id,
        "level": found.level.word,
        "object": found.object,
        "part": found.part,
        "text": found.text,
        "reason": found.rule.reason,
        "remedy": found.rule.remedy,
        "link": found.rule.link,
        "proof": found.proof,
        "file": found.place.file if found.place else "",
        "line": found.place.line if found.place else 0,
        "accepted": found.accepted,
    }


def text(audit: Audit) -> str:
    """Indented, for programs and for people with jq."""
    return json.dumps(document(audit), indent=2) + "\n"


def yaml_text(audit: Audit) -> str:
    """The same document."""
    import yaml

    return str(yaml.safe_dump(document(audit), sort_keys=False, allow_unicode=True))
