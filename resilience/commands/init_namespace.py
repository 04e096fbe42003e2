"""`resilience init --from-namespace shop`: scenarios, plans and a target for the existing objects.

Reads, asks each Service once, measures a baseline; nothing in the cluster is changed. Every file is
read by the language before the first is written, and nothing that exists is overwritten.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.workloads import Workload
from resilience.commands import CommandError, settings
from resilience.commands.saying import say, warn
from resilience.commands.writing import folders, write_files
from resilience.config.settings import Settings
from resilience.drafts import plan_draft, scenario_draft, target_draft
from resilience.drafts.questions import Baseline, Question, ask, baseline, candidates
from resilience.drafts.subjects import Place, Subject, services_of, subject, without_pods, workloads
from resilience.kube import objects
from resilience.model.words import many

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

BASELINE = 30.0

MOST_AT_ONCE = 64
"""Services that are measured side by side; more of them take turns."""

OFTEN = 0.1
"""Seconds between two requests to one Service, at least."""

TOGETHER = 80.0
"""Requests a second to all Services together: they pass the API server's proxy."""


def from_namespace(options: argparse.Namespace) -> int:
    """Read, ask, write; prints what was written and what comes next."""
    from resilience.cluster import open_context
    from resilience.cluster.permit.door import Permit
    from resilience.commands.audit import from_cluster
    from resilience.config.settings import replaced

    given = replaced(settings(options), namespace=options.from_namespace)
    inventory, _, notices = from_cluster(given)
    if notices:
        raise CommandError(f"{'; '.join(notices)}; nothing was written")
    with open_context(given.context, given.kubeconfig) as cluster:
        context = _options(cluster.access.context, given.kubeconfig)
        place = _place(cluster, inventory, given)
        permit = Permit(title="resilience init", asks=frozenset({place.namespace}))
        subjects = _asked(cluster.under(permit), inventory, place, float(options.baseline))
        target = "" if cluster.is_sandbox else _target(cluster, place)
    files = drafts(inventory, subjects, place, options.folder, context)
    if target and not Path("resilience.toml").exists():
        files[Path("resilience.toml")] = target
    return save(files, _next(options.folder, context, bool(target)))


def from_manifests(options: argparse.Namespace) -> int:
    """The same of manifests: no request is sent, and the scenarios apply them first."""
    from resilience.commands.audit import from_files

    given = settings(options)
    inventory, unread, _ = from_files(options.from_manifests, given)
    if unread:
        raise CommandError("\n".join([*unread, "nothing was written"]))
    folder = Path(options.folder)
    named = [os.path.relpath(each, folder) for each in options.from_manifests]
    spaces = sorted({each.namespace for each in inventory.lasting})
    if not spaces:
        raise CommandError("no Deployment, StatefulSet or DaemonSet in these manifests")
    files: dict[Path, str] = {}
    for space in spaces:
        place = Place(namespace=space, manifests=named)
        subjects = [
            subject(inventory, each, _unasked(inventory, each))
            for each in workloads(inventory, space)
        ]
        files |= drafts(inventory, subjects, place, options.folder, "")
    return save(files, _next(options.folder, "", False))


def _unasked(inventory: Inventory, workload: Workload) -> Sequence[tuple[Question, None]]:
    return [
        (next(iter(candidates(service, [workload]))), None)
        for service in services_of(inventory, workload)
    ]


def _place(cluster: HttpCluster, inventory: Inventory, given: Settings) -> Place:
    return Place(
        namespace=given.namespace,
        nodes=None if "Node" in inventory.unseen else len(inventory.of("Node")),
        machines=cluster.is_sandbox,
    )


def _asked(
    cluster: HttpCluster, inventory: Inventory, place: Place, seconds: float
) -> Sequence[Subject]:
    """All workloads, each with what its Services answered. Each Service gets its requests once, and
    all of them at the same time."""
    found = workloads(inventory, place.namespace)
    services = {each.reference: services_of(inventory, each) for each in found}
    asked = {
        objects.name(service): list(candidates(service, [each]))
        for each in found
        for service in services[each.reference]
    }
    with ThreadPoolExecutor(max_workers=MOST_AT_ONCE) as pool:
        tasks = {
            name: pool.submit(ask, cluster, place.namespace, each) for name, each in asked.items()
        }
        questions = {name: said for name, task in tasks.items() if (said := task.result())}
    good = {name: each for name, each in questions.items() if each.status}
    if good and seconds:
        warn(f"measuring {many(len(good), 'Service')} for {seconds:g} s ...")
    if empty := without_pods(inventory, place.namespace):
        warn(f"no Pods are behind Service {', '.join(empty)}: no probe is written for it")
    measured = _measured(cluster, place.namespace, good, seconds)
    return [
        subject(
            inventory,
            each,
            [
                (questions[name], measured.get(name))
                for name in map(objects.name, services[each.reference])
                if name in questions
            ],
        )
        for each in found
    ]


def _measured(
    cluster: HttpCluster, namespace: str, questions: Mapping[str, Question], seconds: float
) -> Mapping[str, Baseline]:
    if not questions or seconds <= 0:
        return {}
    at_once = min(MOST_AT_ONCE, len(questions))
    every = max(OFTEN, at_once / TOGETHER)
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        tasks = {
            name: pool.submit(baseline, cluster, namespace, each, seconds, every=every)
            for name, each in questions.items()
        }
        return {name: task.result() for name, task in tasks.items()}


def _options(context: str, kubeconfig: str) -> str:
    """The options that name this cluster in later commands: without them they would start a
    sandbox."""
    named = f" --context {shlex.quote(context)}" if context else ""
    return named + (f" --kubeconfig {shlex.quote(kubeconfig)}" if kubeconfig else "")


def _target(cluster: HttpCluster, place: Place) -> str:
    return target_text(cluster, [place.namespace], nodes=(place.nodes or 0) > 1)


def target_text(cluster: HttpCluster, namespaces: Sequence[str], *, nodes: bool) -> str:
    """A target for this cluster, by the uid of its kube-system."""
    from resilience.cluster.interface import NAMESPACES

    context = cluster.access.context
    uid = str(cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"])
    return target_draft.draft(
        context.split("/")[-1] or "cluster", context, uid, namespaces, nodes=nodes
    )


def drafts(
    inventory: Inventory, subjects: Sequence[Subject], place: Place, folder: str, context: str
) -> dict[Path, str]:
    """All files, by path; Raises CommandError if there is nothing to write about."""
    from resilience.commands.schema import schema_text

    if not subjects:
        raise CommandError(
            f"namespace {place.namespace!r} has no Deployment, StatefulSet or DaemonSet with Pods"
        )
    root = Path(folder)
    files: dict[Path, str] = {}
    for each in subjects:
        name = f"{each.workload.name}.scenario.yaml"
        if root / name in files:
            name = f"{each.workload.name}-{each.workload.kind.lower()}.scenario.yaml"
        files[root / name] = scenario_draft.draft(
            each, place, file=str(root / name), context=context
        )
    files[root / "scenario.schema.json"] = schema_text("scenario")
    users = [each for each in inventory.workloads if _has_data(each, place.namespace)]
    if users:
        path = root.parent / "backups" / f"{place.namespace}.plan.yaml"
        made = os.path.relpath(root / place.manifests[0], path.parent) if place.manifests else ""
        files[path] = plan_draft.draft(
            place.namespace, users, file=str(path), context=context, made=made
        )
        files[path.parent / "plan.schema.json"] = schema_text("plan")
    return files


def _has_data(workload: object, namespace: str) -> bool:
    from resilience.audit.base.workloads import Workload

    assert isinstance(workload, Workload)
    return workload.namespace == namespace and bool(plan_draft.claims_of(workload))


def save(files: Mapping[Path, str], then: Sequence[str]) -> int:
    """Check all, then write all. A file that exists is left alone, and nothing else is written."""
    for path in files:
        if path.exists() and not path.name.endswith(".schema.json"):
            raise CommandError(f"{path} exists already; nothing was written")
    with folders(files):
        _checked(files)
        write_files(files)
    say(then)
    return 0


def _checked(files: Mapping[Path, str]) -> None:
    """By our own language. A manifest that a draft names is looked for beside it."""
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    verbs = catalogue()
    for path, text in files.items():
        if path.name.endswith((".scenario.yaml", ".plan.yaml")):
            loaded = load(path, text.encode(), verbs, os.environ)
            if loaded.problems:
                raise CommandError(
                    f"the draft {path} is not valid, which is a defect of this command; nothing was"
                    f" written: {loaded.problems[0]}"
                )


def _next(folder: str, context: str, target: bool) -> Sequence[str]:
    read = ["read resilience.toml: it is your consent to break things there"] if target else []
    return [
        *read,
        f"see what would be done: resilience run {folder}{context} --dry-run",
        f"then do it:             resilience run {folder}{context} -m smoke",
    ]
