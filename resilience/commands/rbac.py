"""`resilience rbac scenarios/ backups/`: the least permissions that these files need, as YAML.

Reads the files only, no cluster. The output is ready for `kubectl apply -f`: the namespaces of the
Roles, the ServiceAccount (unless a user or group is named), roles and bindings.
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
from resilience.commands.saying import say
from resilience.config.settings import Settings
from resilience.engine.guard import rbac
from resilience.engine.guard.permissions import Need, merged, needed
from resilience.model.place import Problem
from resilience.model.scenario import Scenario
from resilience.model.verb import Right

ACCOUNT = "resilience"


def show(options: argparse.Namespace) -> int:
    """Print the permissions."""
    given = settings(options)
    found = list(scenarios([Path(name) for name in options.paths], given))
    if not found:
        raise CommandError(f"no scenario and no plan in {', '.join(options.paths)}")
    needs = _placed(_needs(found, given), options.selected)
    subject = _subject(options, given)
    stands_in = [] if options.without_namespaces else rbac.namespaces(needs, subject)
    objects = [*stands_in, *_objects(needs, subject)]
    if options.output == "yaml":  # one document each, for `kubectl apply -f -`
        say(rbac.text(objects).rstrip("\n"))
    else:
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        answer(options.output, listed, str)
    return 0


def _needs(found: Sequence[Scenario], given: Settings) -> Sequence[Need]:
    return merged(
        (need.right, why)
        for scenario in found
        for need in needed(scenario, scenario.namespace or given.namespace, given.journal_namespace)
        for why in need.why
    )


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
    """All scenarios and plans of these files and folders; CommandError with all problems."""
    from resilience.engine.plan.plan_scenarios import compiled
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    verbs = catalogue()
    problems: list[Problem] = []
    for path in files(paths, given):
        loaded = load(path, None, verbs, os.environ, namespace=given.namespace)
        problems += loaded.problems
        yield from loaded.scenarios
        for plan in loaded.plans:
            yield from compiled(plan)
    if problems:
        raise CommandError("\n".join(str(problem) for problem in problems))


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
