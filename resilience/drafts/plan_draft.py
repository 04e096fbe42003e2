"""A plan for the claims of a namespace: volumes, a schedule, a sentinel where one can be guessed,
and a drill."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from resilience.audit.base.proofs import labels_of, scalar
from resilience.audit.base.workloads import Workload, listed, mapping

HEAD = """\
# yaml-language-server: $schema=./plan.schema.json
# Written by `resilience init` for namespace {namespace}. Without a snapshot nothing can be drilled:
#   resilience backup create {file}{context}
#   resilience run {file} -m drill{context}
"""

HAS_TEE = re.compile(
    r"(^|/)(alpine|busybox|cassandra|debian|elasticsearch|httpd|mariadb|mongo|mysql|nginx|node"
    r"|postgres|postgresql|python|rabbitmq|redis|ubuntu|valkey|wordpress)(:|@|$)"
)
"""Images that are known to have `tee` and `cat`."""

FILE = ".resilience-sentinel"


def draft(
    namespace: str, users: Sequence[Workload], *, file: str, context: str = "", made: str = ""
) -> str:
    """`users` are the workloads that mount claims. `made` is a manifest to apply first,
    `context` the options that name the cluster."""
    head = HEAD.format(namespace=namespace, file=file, context=context)
    return head + "\n".join(_lines(namespace, users, made)) + "\n"


def _lines(namespace: str, users: Sequence[Workload], made: str) -> Iterator[str]:
    yield f"plan: {namespace}"
    yield f"namespaces: [{namespace}]  # all kinds in it, and what they need outside of namespaces"
    if made:
        yield "given:"
        yield f"  - apply: {scalar(made)}  # creates the subject if there is none yet"
        yield "  - ready: all"
        yield "  - snapshot: this"
    yield "store: file:../.resilience/backups  # for a first try; use s3://BUCKET/PREFIX"
    yield 'schedule: "0 2 * * *"  # when a snapshot is due; something has to run `backup run --due`'
    held = ", ".join(each.reference for each in users) or "no claim"
    yield f"volumes: true  # the data of: {held}"
    yield from _sentinel(users)
    yield "keep: {last: 3, daily: 7, weekly: 4}  # the rest is pruned"
    yield "objective: {rpo: 26h, rto: 15m}  # a day and some grace; a guess: tighten after a drill"
    yield "drill:"
    yield '  into: "${namespace}-drill"  # walled in, deleted at the end'
    yield "  then:"
    yield "    - ready: all  # every workload starts on restored data"
    yield "      within: 5m"
    yield "    - matches_snapshot: {as: snapshot}  # field by field, byte by byte"


def _sentinel(users: Sequence[Workload]) -> Iterator[str]:
    for workload in users:
        found = _place(workload)
        if found and labels_of(workload):
            container, path = found
            file = f"{path.rstrip('/')}/{FILE}"
            yield "sentinel:  # written before each snapshot, read after its restore"
            yield f"  pods: {scalar(labels_of(workload))}"
            yield f"  container: {scalar(container)}"
            yield f"  write: [tee, {scalar(file)}]  # a guess from the image's name"
            yield f"  read: [cat, {scalar(file)}]"
            return
    yield "# No sentinel: no image here is known to have a command that can write one. To add it:"
    yield "#   sentinel: {pods: app=db, write: [tee, /data/sentinel], read: [cat, /data/sentinel]}"


def claims_of(workload: Workload) -> set[str]:
    """Names of the workload's claims."""
    named = {
        str(each.get("name")) for each in workload.volumes if each.get("persistentVolumeClaim")
    }
    templates = listed(mapping(workload.object, "spec"), "volumeClaimTemplates")
    return named | {str(mapping(each, "metadata").get("name")) for each in templates}


def _place(workload: Workload) -> tuple[str, str] | None:
    """A container and the path of a claim that it can write to."""
    claims = claims_of(workload)
    for container in workload.containers:
        if not HAS_TEE.search(str(container.get("image") or "")):
            continue
        for mount in listed(container, "volumeMounts"):
            writable = not mount.get("readOnly") and not mount.get("subPath")
            if str(mount.get("name")) in claims and writable and mount.get("mountPath"):
                return str(container.get("name")), str(mount["mountPath"])
    return None
