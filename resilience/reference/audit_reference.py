"""The reference of the audit's rules, made from the rules; `make docs` writes it."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.rule import Rule

NAME = "audit.md"

HEAD = """\
# Rules of the audit

<!-- Made by `make docs` from the code. -->

What `resilience audit` looks for. How to use it is in
[From a namespace to its scenarios](../how-to/audit.md). A finding is accepted by the annotation
`resilience/accept-RULE: reason`, or by a baseline.
"""


def text() -> str:
    """The whole page."""
    from resilience.audit.catalogue import builtin

    return HEAD + "".join(line for rule in builtin() for line in _rule(rule))


def _rule(rule: Rule) -> Iterator[str]:
    reads = {None: "", True: " Reads clusters only.", False: " Reads manifests only."}[rule.live]
    yield f"\n## {rule.id}\n\n{rule.level.word}: {rule.title}.{reads}\n\n{rule.reason}\n\n"
    yield f"Do: {rule.remedy}\n\n"
    yield f"[Documentation]({rule.link}) · Kubernetes' source: `{rule.source}`\n"
