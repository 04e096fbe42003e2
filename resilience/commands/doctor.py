"""`resilience doctor`: checks that this host and its access to a cluster are ready for scenarios.

One line per check. A cluster is only read, never changed; the sandbox is started and stopped where
no cluster is named.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.cluster.requests.request import Request
from resilience.commands import rbac, settings
from resilience.commands.outputs import Answers
from resilience.config.root import project_files
from resilience.config.settings import Settings
from resilience.model.words import many
from resilience.verbs.context import Refused

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.config.targets import Target


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one check; `good` is None if it is not relevant here."""

    good: bool | None
    what: str
    detail: str


def doctor(options: argparse.Namespace) -> int:
    """Print all results; 1 when one of them is bad. Files are read first: a mistyped name is
    an error before anything is started."""
    given = settings(options)
    list(rbac.scenarios(list(map(Path, options.paths)), given))
    answers, bad = Answers(options.output), False
    for answer in _ask(given, options.paths):
        result = {True: "ok", False: "bad", None: "skipped"}[answer.good]
        data = {"check": answer.what, "result": result, "detail": answer.detail}
        answers.add(data, _line(answer))
        bad |= answer.good is False
    answers.end()
    return int(bad)


def _line(answer: Answer) -> str:
    word = {True: "ok", False: "BAD", None: "-"}[answer.good]
    return f"{word:4} {answer.what}: {answer.detail}"


def _ask(settings: Settings, paths: Sequence[str]) -> Iterator[Answer]:
    yield Answer(sys.version_info >= (3, 11), "python", platform.python_version())
    yield Answer(sys.platform == "linux", "system", f"{platform.system()} {platform.machine()}")
    yield _verbs()
    if settings.context or settings.kubeconfig:
        yield Answer(None, "sandbox", "not started, since a cluster is named")
        if paths:
            yield from _manifests(None, settings, paths)
        yield from _cluster(settings, paths)
    else:
        yield from _sandbox(settings, paths)
        yield Answer(
            None, "cluster", "no context given (--context NAME); scenarios use the sandbox"
        )
        if paths:
            yield from _images(settings, paths)


def _verbs() -> Answer:
    from resilience.verbs.catalogue import catalogue

    verbs = catalogue()
    shadowed = verbs.shadowed()
    return Answer(not shadowed, "verbs", "; ".join(shadowed) or f"{len(verbs.names())} known")


def _images(settings: Settings, paths: Sequence[str]) -> Iterator[Answer]:
    """Whether the sandbox has every image that the files' manifests name."""
    from resilience.commands.manifest_images import missing

    try:
        lines = missing(rbac.scenarios([Path(path) for path in paths], settings), settings.root)
    except ClusterError as error:
        yield Answer(False, "images", str(error))
        return
    for line in lines:
        yield Answer(False, "images", line)
    if not lines:
        yield Answer(True, "images", "the sandbox has every image of the manifests")


def _sandbox(settings: Settings, paths: Sequence[str]) -> Iterator[Answer]:
    from resilience.cluster import connect
    from resilience.cluster.access.embedded import sandbox
    from resilience.cluster.interface import NODES

    began = time.monotonic()
    try:
        files = project_files(settings.root)
        with sandbox(images=files) as embedded, connect(embedded.access) as cluster:
            took = time.monotonic() - began
            nodes = len(cluster.list(NODES))
            version = cluster.server_version()
            text = f"{many(nodes, 'node')} of {version} after {took:.1f} s"
            yield Answer(True, "sandbox", text)
            if paths:
                yield from _manifests(cluster, settings, paths)
    except ClusterError as error:
        yield Answer(False, "sandbox", str(error))


def _manifests(
    sandbox: HttpCluster | None, settings: Settings, paths: Sequence[str]
) -> Iterator[Answer]:
    from resilience.commands import doctor_manifests

    found = list(rbac.scenarios([Path(path) for path in paths], settings))
    for line in doctor_manifests.manifests(sandbox, found):
        yield Answer(*line)


def _cluster(settings: Settings, paths: Sequence[str]) -> Iterator[Answer]:
    from resilience.cluster import open_context
    from resilience.commands import checkup
    from resilience.config.targets import load
    from resilience.engine.guard import consent

    try:
        with open_context(settings.context, settings.kubeconfig) as opened:
            yield Answer(True, "cluster", f"{opened.context}: {opened.server_version()}")
            yield _try("rights", lambda: _who(opened))
            now = datetime.now(UTC)
            yield _answer("clock", lambda: checkup.clock(opened, now))
            targets = load(settings.root)
            cluster = opened.equipped(consent.means(opened, targets, settings.helper_image))
            namespaces = checkup.namespaces(settings, paths)
            yield _try("consent", lambda: consented(cluster, targets, namespaces))
            for namespace in namespaces:
                yield _answer("images", partial(checkup.images, cluster, namespace))
                yield _answer("helpers", partial(_helpers, cluster, targets, namespace))
            for line in checkup.scenarios(cluster, settings, targets, paths):
                yield Answer(*line)
    except ClusterError as error:
        yield Answer(False, "cluster", str(error))


def _helpers(
    cluster: HttpCluster, targets: Sequence[Target], namespace: str
) -> tuple[bool | None, str, str]:
    """Requested by dry runs; consent has to cover it like the Pods themselves."""
    from resilience.commands import doctor_pods
    from resilience.engine.guard import consent

    try:
        agreed = consent.consent(cluster, targets, [namespace])
    except consent.NoConsent:
        return None, "helpers", f"namespace {namespace}: not asked, for lack of consent"
    except Refused as error:
        return None, "helpers", f"not asked: {error}"
    return doctor_pods.helpers(agreed.given_to(cluster, "doctor"), namespace)


def _answer(what: str, ask: Callable[[], tuple[bool | None, str, str]]) -> Answer:
    try:
        return Answer(*ask())
    except ClusterError as error:
        return Answer(False, what, str(error))


def _try(what: str, ask: Callable[[], str]) -> Answer:
    try:
        return Answer(True, what, ask())
    except Forbidden as error:
        return Answer(False, what, f"the credentials are not accepted: {error}")
    except (ClusterError, Refused) as error:
        return Answer(False, what, str(error))


def _who(cluster: Cluster) -> str:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    status = cluster.send(Request("POST", path, body=body)).get("status")
    info = status.get("userInfo") if isinstance(status, dict) else None
    return f"authenticated as {info.get('username')}" if isinstance(info, dict) else "accepted"


def consented(cluster: Cluster, targets: Sequence[Target], namespaces: Sequence[str]) -> str:
    """Of all namespaces at once: the target that a refusal prints can be pasted only once."""
    from resilience.engine.guard import consent

    consent.consent(cluster, targets, namespaces)
    there = [each for each in namespaces if _exists(cluster, each)]
    absent = [each for each in namespaces if each not in there]
    found = [f"{_several(there)} may be changed"] if there else []
    if absent:
        verb = "does" if len(absent) == 1 else "do"
        found.append(f"{_several(absent)} {verb} not exist yet, and may be created")
    return "; ".join(found)


def _several(namespaces: Sequence[str]) -> str:
    return f"namespace{'' if len(namespaces) == 1 else 's'} {', '.join(namespaces)}"


def _exists(cluster: Cluster, namespace: str) -> bool:
    """One that may not be read was consented to by name, and is taken to exist."""
    try:
        cluster.get(NAMESPACES, namespace)
    except NotFound:
        return False
    except Forbidden:
        return True
    return True
