"""`resilience run --library NAME`: a scenario or a plan of the library, copied and run.

Without `--service` it is copied with its manifests and creates its own service. With `--service` a
scenario is pointed at a Service of a cluster: the workload behind it, its labels, its port and the
answer that it gives now take the place of checkout's. An existing copy is run unchanged.
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
PLANS = Path(__file__).parents[1] / "library_plans"
PLAN_SUFFIX = ".plan.yaml"
OWN = "checkout"
"""The service of the library's scenarios that are about any service."""

_APPLY = re.compile(r"^  - apply: (manifests/[\w.-]+)\n", re.MULTILINE)
_NOTHING_GIVEN = re.compile(r"^given:\n(?:  #.*\n)*\n", re.MULTILINE)
_MANIFEST = re.compile(r"\bmanifests/[\w.-]+")
_OF_API_SERVER = re.compile(
    r"url: https://kubernetes\.default\.svc/version\n( +)via: pod\n +status: .*\n +ca_from: .*\n"
)
"""The certificate of the API server, which every cluster has, in place of a Service's."""

_THEIRS = {"manifests/checkout.yaml", "manifests/checkout-budget.yaml"}


def names() -> Sequence[str]:
    """The scenarios of the library."""
    return sorted(each.name.removesuffix(SUFFIX) for each in HOME.glob(f"*{SUFFIX}"))


def plans() -> Sequence[str]:
    """The plans of the library."""
    return sorted(each.name.removesuffix(PLAN_SUFFIX) for each in PLANS.glob(f"*{PLAN_SUFFIX}"))


def copied(name: str, service: str, given: Settings, folder: Path = Path("scenarios")) -> Path:
    """The copy to run; CommandError where it cannot be made."""
    if name in plans():
        return _copied_plan(name, service)
    if name not in names():
        known = [*names(), *plans()]
        meant = did_you_mean(name, known)
        raise CommandError(f"the library has no {name!r}; it has: {', '.join(known)}{meant}")
    text = (HOME / f"{name}{SUFFIX}").read_text(encoding="utf-8")
    text = text.replace(
        "file:../../.resilience", "file:../.resilience"
    )  # manifests are copied one folder level higher
    path = folder / (f"{name}-{service}{SUFFIX}" if service else f"{name}{SUFFIX}")
    if path.exists():
        say(f"{path} exists already and is run as it is")
        return path
    text = text.replace("../scenario.schema.json", "./scenario.schema.json")
    files = {path: _pointed(name, text, service, given)} if service else {path: text}
    if service:
        _check(path, files[path])
    else:
        files |= _manifests(text, HOME, folder)
    write_files(files)
    return path


def _copied_plan(name: str, service: str, folder: Path = Path("backups")) -> Path:
    if service:
        raise CommandError(
            f"{name} is a plan and cannot be pointed at a Service; run it without --service, or"
            " name your namespaces in a copy of it"
        )
    path = folder / f"{name}{PLAN_SUFFIX}"
    if path.exists():
        say(f"{path} exists already and is run as it is")
        return path
    text = (PLANS / path.name).read_text(encoding="utf-8")
    text = text.replace("file:../../.resilience", "file:../.resilience")
    text = text.replace("../plan.schema.json", "./plan.schema.json")
    write_files({path: text, **_manifests(text, PLANS, folder)})
    return path


def fits_any(text: str) -> bool:
    """Whether a scenario works with any service and creates nothing else."""
    if _OF_API_SERVER.search(text):
        return True
    return not set(_MANIFEST.findall(text)) - _THEIRS and f"deployment/{OWN}" in text


def _manifests(text: str, home: Path, folder: Path) -> dict[Path, str]:
    """Those that it names and that are not there yet."""
    named = sorted(set(_MANIFEST.findall(text)))
    missing = [inner for inner in named if not (folder / inner).exists()]
    return {folder / inner: (home / inner).read_text(encoding="utf-8") for inner in missing}


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
    """The scenario with another subject. Only values are changed; the steps stay the same."""
    from resilience.audit.base.proofs import labels_of, scalar

    text = _certified(text, question)
    kept = _NOTHING_GIVEN.sub("", _APPLY.sub("", text))
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
    return re.sub(rf"\b{OWN}\b", question.service, kept)


def _certified(text: str, question: Question) -> str:
    """The Service's certificate in place of the API server's."""
    from resilience.audit.base.proofs import scalar

    if not _OF_API_SERVER.search(text):
        return text
    if question.scheme != "https":
        raise CommandError(
            f"service {question.service} answers over http on port {question.port}: it has no"
            " certificate. A port that speaks https has `https` in its name, or the number 443"
        )
    keys = (
        f"service: {scalar(question.service)}", f"port: {question.port}", "scheme: https",
        f"path: {scalar(question.path)}", f"status: {question.status}",
        "# ca_from: {secret: NAME}   # if no public authority has signed it",
    )  # fmt: skip
    return _OF_API_SERVER.sub(lambda found: f"\n{found[1]}".join(keys) + "\n", text)


def _check(path: Path, text: str) -> None:
    from resilience.language import load
    from resilience.verbs.catalogue import catalogue

    problems = load(path, text.encode(), catalogue(), os.environ).problems
    if problems:
        raise CommandError(f"it does not fit this service; nothing was written: {problems[0]}")
