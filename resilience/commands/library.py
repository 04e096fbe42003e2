"""`resilience run --library NAME`: a scenario of the library, copied and run.

Without `--service` it is copied with its manifests and creates its own service. With `--service` it
is pointed at a Service of a cluster: the workload behind it, its labels, its port and the answer
that it gives now take the place of checkout's. A copy that is there already is run as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.commands import CommandError
from resilience.commands.saying import say
from resilience.commands.writing import write_files
from resilience.config.settings import Settings
from resilience.model.nearest import did_you_mean

if TYPE_CHECKING:
    from resilience.audit.base.inventory import Inventory
    from resilience.audit.base.workloads import Workload
    from resilience.drafts.questions import Question

HOME = Path(__file__).parents[1] / "library"
SUFFIX = ".scenario.yaml"
OWN = "checkout"
"""The service of the library's scenarios that are about any service."""

_APPLY = re.compile(r"^  - apply: (manifests/[\w.-]+)\n", re.MULTILINE)
_MANIFEST = re.compile(r"\bmanifests/[\w.-]+")
_THEIRS = {"manifests/checkout.yaml", "manifests/checkout-budget.yaml"}


def names() -> Sequence[str]:
    """What the library holds."""
    return sorted(each.name.removesuffix(SUFFIX) for each in HOME.glob(f"*{SUFFIX}"))


def copied(name: str, service: str, given: Settings, folder: Path = Path("scenarios")) -> Path:
    """The copy to run; CommandError where it cannot be made."""
    if name not in names():
        meant = did_you_mean(name, names())
        raise CommandError(f"the library has no {name!r}; it has: {', '.join(names())}{meant}")
    text = (HOME / f"{name}{SUFFIX}").read_text(encoding="utf-8")
    text = text.replace("file:../../.resilience", "file:../.resilience")  # a folder less deep
    path = folder / (f"{name}-{service}{SUFFIX}" if service else f"{name}{SUFFIX}")
    if path.exists():
        say(f"{path} exists already and is run as it is")
        return path
    files = {path: _pointed(name, text, service, given)} if service else _with_manifests(path, text)
    if service:
        _check(path, files[path])
    write_files(files)
    return path


def fits_any(text: str) -> bool:
    """Whether a scenario is about any service, and makes nothing else."""
    return not set(_MANIFEST.findall(text)) - _THEIRS and f"deployment/{OWN}" in text


def _with_manifests(path: Path, text: str) -> dict[Path, str]:
    files = {path: text.replace("../scenario.schema.json", "./scenario.schema.json")}
    for inner in sorted(set(_MANIFEST.findall(text))):
        if not (path.parent / inner).exists():
            files[path.parent / inner] = (HOME / inner).read_text(encoding="utf-8")
    return files


def _pointed(name: str, text: str, service: str, given: Settings) -> str:
    if not fits_any(text):
        raise CommandError(
            f"{name} makes objects of its own and cannot be pointed at a Service; run it without"
            " --service"
        )
    if not given.context and not given.kubeconfig:
        raise CommandError("--service needs a cluster: name one with --context or --kubeconfig")
    from resilience.cluster import open_context
    from resilience.commands.audit import from_cluster
    from resilience.drafts.questions import ask, candidates

    inventory, _, _ = from_cluster(given)
    workload, found = _behind(inventory, service, given.namespace)
    with open_context(given.context, given.kubeconfig) as cluster:
        question = ask(cluster, given.namespace, list(candidates(found, [workload])))
    if question is None or not question.status:
        reason = question.reason if question else "it has no TCP port"
        raise CommandError(f"service {given.namespace}/{service} does not answer: {reason}")
    return pointed(text, workload, question, given.namespace)


def _behind(
    inventory: Inventory, service: str, namespace: str
) -> tuple[Workload, dict[str, object]]:
    found = inventory.get("Service", service, namespace)
    if found is None:
        held = sorted(each["metadata"]["name"] for each in inventory.of("Service"))
        raise CommandError(
            f"service {namespace}/{service} does not exist; there are: {', '.join(held) or 'none'}"
        )
    behind = [each for each in inventory.behind(found) if each.lasting]
    if len(behind) != 1:
        listed = ", ".join(each.reference for each in behind) or "none"
        raise CommandError(
            f"service {namespace}/{service} needs one workload behind it; it has: {listed}"
        )
    return behind[0], found


def pointed(text: str, workload: Workload, question: Question, namespace: str) -> str:
    """The scenario with another subject. Values only: its steps stay as they are."""
    from resilience.audit.base.proofs import labels_of, scalar

    kept = _APPLY.sub("", text)
    kept = re.sub(r', matches: "[^"]*"', "", kept)
    kept = kept.replace(f"deployment/{OWN}", workload.reference)
    kept = kept.replace(f"app={OWN}", scalar(labels_of(workload)))
    asked = f"service: {scalar(question.service)}, port: {question.port}"
    more = ", scheme: https" if question.scheme == "https" else ""
    answer = f"{more}, path: {scalar(question.path)}, status: {question.status}"
    kept = re.sub(
        rf"service: {OWN}, port: http, path: /hostname(, status: \d+)?", asked + answer, kept
    )
    kept = kept.replace(f"service: {OWN}, port: http", asked)
    kept = kept.replace("namespace: library", f"namespace: {namespace}")
    kept = re.sub(r"^id: (.*)$", rf"id: \1-{question.service}", kept, flags=re.MULTILINE)
    return re.sub(rf"\b{OWN}\b", question.service, kept).replace("../scenario", "./scenario")


def _check(path: Path, text: str) -> None:
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    problems = load(path, text.encode(), catalogue(), os.environ).problems
    if problems:
        raise CommandError(f"it does not fit this service; nothing was written: {problems[0]}")
