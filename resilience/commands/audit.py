"""`resilience audit`: reads a live cluster or manifests, says what will break and how to prove it.

Nothing is changed. Exit code 1 when an open finding reaches `--fail-on`, or a file could not be
read; kinds that may not be listed are named, and only the rules that need them are skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from resilience.audit import accepted
from resilience.audit.accepted import Accepted, BadBaseline
from resilience.audit.base.finding import Audit
from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Level, Rule
from resilience.audit.catalogue import catalogue
from resilience.audit.examine import examine
from resilience.commands import CommandError, settings
from resilience.commands.saying import say
from resilience.commands.writing import write_file
from resilience.config.settings import Settings
from resilience.model.nearest import did_you_mean

REASON = "known when this baseline was written"


def audit(options: argparse.Namespace) -> int:
    """Read, judge, print."""
    given = settings(options)
    rules, wrong = _rules(options)
    if options.list:
        say(listing(rules).rstrip("\n"))
        return 0
    known = _baseline(options.baseline)
    if options.paths:
        inventory, unread, notes = from_files(options.paths, given)
    else:
        inventory, unread, notes = from_cluster(given, everywhere=options.all_namespaces)
    found = examine(inventory, rules, accepted=known, unread=unread, notices=[*wrong, *notes])
    if options.write_baseline:
        write_file(
            Path(options.write_baseline), accepted.text(found.findings, options.reason or REASON)
        )
        say(f"wrote {options.write_baseline}: {len(found.findings)} findings accepted")
        return 0
    text = _text(found, options)
    if options.out:
        write_file(Path(options.out), text)
    else:
        say(text.rstrip("\n"))
    return 1 if failed(found, _level(options.fail_on)) else 0


def failed(found: Audit, least: Level | None) -> bool:
    """Whether the report should fail a pipeline."""
    return bool(found.unread) or (
        least is not None and found.worst is not None and found.worst >= least
    )


def from_files(
    names: Sequence[str], given: Settings
) -> tuple[Inventory, Sequence[str], Sequence[str]]:
    """(what the files hold, what could not be read, notes)."""
    from resilience.audit.reading import files

    stdin = sys.stdin.read() if files.STDIN in names else ""
    read = files.read(names, given.namespace, stdin)
    if not read.objects and not read.unread:
        raise CommandError(f"no object in {', '.join(names)}")
    inventory = Inventory(
        objects=read.objects,
        now=datetime.now(UTC),
        backed_up=frozenset(_planned(given)),
        unseen=read.unseen,
        places=read.places,
    )
    return inventory, read.unread, read.notes


def from_cluster(
    given: Settings, *, everywhere: bool = False
) -> tuple[Inventory, Sequence[str], Sequence[str]]:
    """The same for a cluster; CommandError if the namespace does not exist."""
    from resilience.audit.reading import live
    from resilience.cluster import open_context
    from resilience.cluster.errors import NotFound

    namespace = "" if everywhere else given.namespace
    with open_context(given.context, given.kubeconfig) as cluster:
        try:
            read = live.read(cluster, namespace)
        except NotFound:
            raise CommandError(
                f"namespace {namespace!r} does not exist in {cluster.context}; name one with -n,"
                " or read all with -A"
            ) from None
    if not read.objects:
        raise CommandError("nothing could be read: " + "; ".join(sorted(set(read.unseen.values()))))
    inventory = Inventory(
        objects=read.objects,
        now=datetime.now(UTC),
        live=True,
        backed_up=frozenset(_planned(given)),
        unseen=read.unseen,
    )
    return inventory, (), read.notices


def _planned(given: Settings) -> Iterable[str]:
    """Namespaces of the plans in this directory and below `backups`."""
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue as verbs

    folders = (given.root, Path.cwd(), given.root / "backups", Path.cwd() / "backups")
    found = {path for folder in folders for glob in given.plans for path in folder.glob(glob)}
    known = verbs()
    for path in sorted(found):
        for plan in load(path, None, known, os.environ, namespace=given.namespace).plans:
            yield from plan.namespaces


def _rules(options: argparse.Namespace) -> tuple[Sequence[Rule], Sequence[str]]:
    rules, wrong = catalogue()
    ids = {rule.id for rule in rules}
    for name in (*(options.only or ()), *(options.skip or ())):
        if name not in ids:
            meant = did_you_mean(name, ids) or "; `resilience audit --list` shows all"
            raise CommandError(f"{name!r} is not a rule{meant}")
    chosen = [rule for rule in rules if not options.only or rule.id in options.only]
    return [rule for rule in chosen if rule.id not in (options.skip or ())], wrong


def listing(rules: Sequence[Rule]) -> str:
    """One line for each rule."""
    width = max((len(rule.id) for rule in rules), default=0)
    return "".join(f"{rule.id:<{width}}  {rule.level.word:<7}  {rule.title}\n" for rule in rules)


def _baseline(name: str | None) -> Accepted:
    try:
        return accepted.read(Path(name)) if name else Accepted()
    except BadBaseline as error:
        raise CommandError(str(error)) from None


def _text(found: Audit, options: argparse.Namespace) -> str:
    from resilience.audit.shown import junit, machine, sarif, table

    if options.output == "junit":
        return junit.text(found, _level(options.fail_on) or Level.ERROR)
    forms = {"table": table.table, "json": machine.text, "yaml": machine.yaml_text,
             "sarif": sarif.text}  # fmt: skip
    return forms[options.output](found)


def _level(word: str) -> Level | None:
    return None if word == "never" else Level[word.upper()]
