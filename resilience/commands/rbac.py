"""`resilience rbac scenarios/ backups/`: the least permissions that these files need, as YAML.

Reads the files only, no cluster. The output is ready for `kubectl apply -f`: the namespace of
journals, the ServiceAccount (unless a user or group is named), roles and bindings. A plan has
several uses (`resilience.engine.plan.plan_uses`), and `--only` prints the permissions of one of
them, so that each job in a cluster can have an account of its own.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from resilience.cluster.interface import Object
from resilience.commands import CommandError, settings
from resilience.commands.outputs import answer
from resilience.commands.saying import say, warn
from resilience.config.settings import Settings
from resilience.engine.guard import rbac
from resilience.engine.guard.permissions import Need, merged, needed
from resilience.engine.plan.plan_uses import SCENARIOS, of_backup, used
from resilience.model.place import Problem
from resilience.model.scenario import Plan, Scenario
from resilience.model.verb import Right

ACCOUNT = "resilience"


def show(options: argparse.Namespace) -> int:
    """Print the permissions."""
    given = settings(options)
    found, plans = read([Path(name) for name in options.paths], given)
    if not found and not plans:
        raise CommandError(f"no scenario and no plan in {', '.join(options.paths)}")
    needs = _placed(_needs(found, plans, given, options.only), options.selected)
    if not needs:
        wanted = " and no ".join(options.only)
        raise CommandError(f"no {wanted} in {', '.join(options.paths)}; leave --only out for all")
    subject = _subject(options, given)
    objects = [*_namespaces(options, needs, subject, given), *_objects(needs, subject)]
    if missing := _presupposed(objects):
        warn(f"note: before this is applied, these namespaces have to exist: {', '.join(missing)}")
    if options.output == "yaml":  # one document each, for `kubectl apply -f -`
        say(rbac.text(objects).rstrip("\n"))
    else:
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        answer(options.output, listed, str)
    return 0


def _namespaces(
    options: argparse.Namespace, needs: Sequence[Need], subject: rbac.Subject, given: Settings
) -> list[Object]:
    if options.without_namespaces:
        return []
    all_of_them = options.with_namespaces
    return rbac.namespaces(needs, subject, given.journal_namespace, all_of_them=all_of_them)


def _presupposed(objects: Sequence[Object]) -> Sequence[str]:
    """The namespaces of objects, without those that are among them and Kubernetes' own."""
    there = {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"}
    there |= {"", "default", "kube-system", "kube-public", "kube-node-lease"}
    return sorted({each["metadata"].get("namespace", "") for each in objects} - there)


def _needs(
    found: Sequence[Scenario], plans: Sequence[Plan], given: Settings, only: Sequence[str]
) -> Sequence[Need]:
    """Permissions of these uses; of all uses if none is given."""
    executed = [
        *(found if not only or SCENARIOS in only else ()),
        *(scenario for plan in plans for scenario in used(plan, only)),
    ]
    needs = [
        need
        for scenario in executed
        for need in needed(scenario, scenario.namespace or given.namespace, given.journal_namespace)
    ]
    for plan in plans:
        needs += of_backup(plan, given.journal_namespace, only)
    return merged((need.right, why) for need in needs for why in need.why)


def _placed(needs: Sequence[Need], spaces: Sequence[str]) -> Sequence[Need]:
    """Permissions of namespaces by their labels as those of `spaces`; of all without any."""
    if not spaces:
        return needs
    return merged(
        (right, why) for need in needs for right in _each(need.right, spaces) for why in need.why
    )


def _each(right: Right, spaces: Sequence[str]) -> Sequence[Right]:
    if not right.selected:
        return [right]
    return [replace(right, selected="", namespace=name) for name in spaces]


def _objects(needs: Sequence[Need], subject: rbac.Subject) -> list[Object]:
    account: list[Object] = []
    if subject.kind == "ServiceAccount":
        metadata = {"name": subject.name, "namespace": subject.namespace}
        account = [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}]
    return [*account, *rbac.manifests(needs, subject)]


def _subject(options: argparse.Namespace, given: Settings) -> rbac.Subject:
    if options.user:
        return rbac.Subject("User", options.user)
    if options.group:
        return rbac.Subject("Group", options.group)
    named = options.service_account or f"{given.journal_namespace}:{ACCOUNT}"
    namespace, colon, name = named.partition(":")
    if not colon or not namespace or not name:
        raise CommandError(f"--service-account {named!r}: expected NAMESPACE:NAME")
    return rbac.Subject("ServiceAccount", name, namespace)


def scenarios(paths: Sequence[Path], given: Settings) -> Iterator[Scenario]:
    """All scenarios of these files and folders, and those that plans stand for; CommandError with
    all problems."""
    found, plans = read(paths, given)
    yield from found
    for plan in plans:
        yield from used(plan, ())


def read(paths: Sequence[Path], given: Settings) -> tuple[list[Scenario], list[Plan]]:
    """All scenarios and plans of these files and folders; CommandError with all problems."""
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    verbs = catalogue()
    problems: list[Problem] = []
    found: list[Scenario] = []
    plans: list[Plan] = []
    for path in files(paths, given):
        loaded = load(path, None, verbs, os.environ, namespace=given.namespace)
        problems += loaded.problems
        found += loaded.scenarios
        plans += loaded.plans
    if problems:
        raise CommandError("\n".join(str(problem) for problem in problems))
    return found, plans


def files(paths: Sequence[Path], given: Settings) -> Iterator[Path]:
    """Files are taken as named; folders are searched as pytest searches them."""
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} does not exist")
        if path.is_file():
            yield path
            continue
        globs = (*given.scenarios, *given.plans)
        yield from sorted({found for glob in globs for found in path.rglob(glob)})
