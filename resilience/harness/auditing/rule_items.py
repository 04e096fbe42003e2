"""`pytest --resilience-audit`: each rule of the audit as one test, with scenarios or alone.

The objects are read once, when the first of these tests runs; nothing is changed, so they may run
under pytest-xdist as well. `-m audit` selects them. `-n` is pytest-xdist's number of workers, so
the namespace is given as everywhere else: `--resilience-namespace shop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from resilience.harness import run_settings

if TYPE_CHECKING:
    from resilience.audit.base.finding import Audit
    from resilience.audit.base.rule import Level

FOUND: pytest.StashKey[Audit] = pytest.StashKey()


class AuditFailed(Exception):
    """A rule found something; the text is for the person who has to act on it."""


class AuditRules(pytest.Collector):
    """The collector of all rules; it has no file."""

    def __init__(self, *, level: Level, **kw: Any) -> None:
        super().__init__(**kw)
        self.level = level

    def collect(self) -> list[pytest.Item]:
        """One item for each rule, whether or not it will find anything."""
        from resilience.audit.catalogue import catalogue

        rules, _ = catalogue()
        return [AuditItem.from_parent(self, name=rule.id) for rule in rules]


class AuditItem(pytest.Item):
    """One rule. Findings below the level that fails are shown with -v and never fail."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(**kw)
        self.add_marker("audit")

    def runtest(self) -> None:
        """Fails with everything that the rule found; skips if it could not be evaluated."""
        from resilience.audit.shown import junit

        audit = _audit(self.config)
        if reason := audit.skipped.get(self.name):
            pytest.skip(f"not checked: {reason}")
        found = [each for each in audit.open if each.rule.id == self.name]
        assert isinstance(self.parent, AuditRules)
        if not found:
            return
        text = junit.report(found[0].rule, found)
        if max(each.level for each in found) >= self.parent.level:
            raise AuditFailed(text)
        self.add_report_section("call", "audit", text)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **kw: Any
    ) -> Any:
        """Failures of this package as text."""
        if isinstance(excinfo.value, AuditFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **kw)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Not supported: the collector has no file."""
        return self.config.rootpath, None, f"audit: {self.name}"


def items(session: pytest.Session) -> Sequence[pytest.Item]:
    """All of them. UsageError when there is no cluster to read."""
    from resilience.audit.base.rule import Level

    settings = run_settings.settings(session.config)
    if not (settings.context or settings.kubeconfig or settings.fleet):
        raise pytest.UsageError(
            "resilience: --resilience-audit reads a cluster, and the sandbox would be empty; set "
            "one with --resilience-context or --resilience-kubeconfig. Manifests are read by"
            " `resilience audit FILE`"
        )
    if settings.is_fleet:
        raise pytest.UsageError(
            "resilience: --resilience-audit reads one cluster, and a fleet was named; name one"
            " with --resilience-context NAME"
        )
    session.config.addinivalue_line("markers", "audit: a rule of `resilience audit`")
    rules = AuditRules.from_parent(session, name="audit", nodeid="audit", level=Level.ERROR)
    return list(rules.collect())


def _audit(config: pytest.Config) -> Audit:
    from resilience.audit.catalogue import catalogue
    from resilience.audit.examine import examine
    from resilience.cluster.errors import ClusterError
    from resilience.commands import CommandError
    from resilience.commands.audit import from_cluster

    found = config.stash.get(FOUND, None)
    if found is None:
        rules, wrong = catalogue()
        try:
            inventory, unread, notes = from_cluster(run_settings.settings(config))
        except (ClusterError, CommandError) as error:
            pytest.fail(f"the cluster cannot be read: {error}", pytrace=False)
        found = examine(inventory, rules, unread=unread, notices=[*wrong, *notes])
        config.stash[FOUND] = found
    return found
