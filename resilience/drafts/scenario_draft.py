"""Scenarios of one workload: kills, a rolling restart, a drain, a scale, the loss of a node.

Each is a document of its own, so that `-k` and tags choose among them. Objectives are derived from
the baseline and marked as measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from resilience.audit.base.proofs import ROLLED, SCALABLE, labels_of, scalar
from resilience.drafts.questions import Baseline, Question
from resilience.drafts.subjects import Place, Subject
from resilience.model.words import span

HEAD = """\
# yaml-language-server: $schema=./scenario.schema.json
# Written by `resilience init` for {reference} in namespace {namespace}.
# Read it, tighten the objectives, remove what does not fit. First see what it would do:
#   resilience run {file} --dry-run{context}
"""

RATE = "100/s"


def draft(subject: Subject, place: Place, *, file: str, context: str = "") -> str:
    """The whole file. `context` are the options that name the cluster."""
    head = HEAD.format(
        reference=subject.workload.reference, namespace=place.namespace, file=file, context=context
    )
    return head + "---\n".join(_documents(subject, place))


def _documents(subject: Subject, place: Place) -> Iterator[str]:
    workload = subject.workload
    kind, pods = workload.kind, f"{{owner: {workload.reference}, %s}}"
    several = (workload.replicas or 0) > 1
    alone = "" if several or kind == "DaemonSet" else "  # the only Pod: how long is the gap?"
    yield _document(
        subject, place, "survives the loss of one Pod", "lose-one", ["pods", "smoke"],
        [f"- kill: {pods % 'count: 1'}{alone}", *_whole(subject)],
        why="a Pod is deleted, as an eviction or a rollout would do it, with its grace period",
    )  # fmt: skip
    if (workload.replicas or 0) >= 3:
        yield _document(
            subject, place, "survives losing a third of its Pods at once", "lose-a-third", ["pods"],
            [f"- kill: {pods % 'share: 1/3, grace: 0s'}", *_whole(subject)],
            why="no grace: as if their nodes had lost power",
        )  # fmt: skip
    if kind in ROLLED:
        yield _document(
            subject, place, "survives a rolling restart", "restart", ["rollout", "smoke"],
            [f"- restart: {workload.reference}  # what every release does",
             *_whole(subject, "5m")],
            why="the most common change",
        )  # fmt: skip
    if kind in SCALABLE and not subject.scaled_by:
        more = (workload.replicas or 0) + 1
        yield _document(
            subject, place, "keeps serving while it is scaled up and down by one "
                            "Pod", "scale", ["scale"],
            [f"- scale: {{workload: {workload.reference}, replicas: {more}}}"
             "  # is there room for it?", *_whole(subject)],
            why="the undo scales it back",
        )  # fmt: skip
    yield from _nodes(subject, place)


def _nodes(subject: Subject, place: Place) -> Iterator[str]:
    workload, labels = subject.workload, labels_of(subject.workload)
    if workload.kind == "DaemonSet" or not labels or (place.nodes or 2) < 2:
        return
    choose = f"{{running: {scalar(labels)}}}"
    # The data of an emptyDir is lost when its Pod moves: a drain asks for consent to that.
    lost = any("emptyDir" in volume for volume in workload.volumes)
    more = ", empty_dir: true" if lost else ""
    yield _document(
        subject, place, "stays up while one of its nodes is drained", "drain", ["nodes"],
        [f"- drain: {{node: {choose}{more}}}  # what a node upgrade does",
         "  within: 5m", *_whole(subject)],
        why="needs `nodes = true` in the target; budgets set the pace",
    )  # fmt: skip
    if place.machines:
        yield _document(
            subject, place, "survives the loss of one of its nodes", "node-down", ["nodes"],
            [f"- node_down: {{node: {choose}}}  # no warning", "  within: 2m"],
            why="Kubernetes gives the node up after minutes; until then the others must suffice",
        )  # fmt: skip


def _whole(subject: Subject, within: str = "3m") -> list[str]:
    return [
        f"- ready: {subject.workload.reference}  # waits until every replica is ready again",
        f"  within: {within}",
    ]


def _document(
    subject: Subject,
    place: Place,
    claim: str,
    name: str,
    tags: Sequence[str],
    when: Sequence[str],
    *,
    why: str,
) -> str:
    workload = subject.workload
    lines = [
        f"# Why: {why}.",
        f"scenario: {workload.name} {claim}",
        f"id: {_id(workload.name, name)}  # selects it: -k {_id(workload.name, name)}",
        f"tags: [{', '.join(tags)}]  # selects it: -m {tags[0]}",
        f"namespace: {place.namespace}",
        "given:",
        *(
            f"  - apply: {scalar(file)}  # made here, deleted at the end"
            for file in place.manifests
        ),
        f"  - ready: {workload.reference}  # do not break what is broken already",
        "    within: 2m",
        *_probe(subject, dead_node=name == "node-down"),
        "when:",
        *(f"  {line}" for line in when),
        "then:",
        *_then(name, subject),
    ]
    return "\n".join(lines) + "\n"


def _id(name: str, what: str) -> str:
    return re.sub(r"[.-]+", "-", f"{name}-{what}")


def _then(name: str, subject: Subject) -> Iterator[str]:
    several = (subject.workload.replicas or 0) > 1
    if name == "node-down" and several and subject.question is not None:
        yield f"  - {_ask(subject.question)}  # the remaining Pods answer; the lost one is replaced"
        yield "    within: 30s  # the replacement follows five minutes later"
    elif name == "node-down":
        yield "  - recovered: {}  # after the node is back, or its Pods are elsewhere"
        yield "    within: 10m"
    else:
        yield f"  - ready: {subject.workload.reference}  # and it stays ready"
        yield "    within: 1m"


def _probe(subject: Subject, *, dead_node: bool) -> Iterator[str]:
    if subject.question is None:
        yield "# No Service selects only these Pods, so no request is sent: readiness decides."
        return
    yield "while:"
    for question, found in ((subject.question, subject.baseline), *subject.others):
        yield from _asking(question)
        yield from _of_dead_node(subject) if dead_node else _objective(found)


def _asking(question: Question) -> Iterator[str]:
    if question.status:
        yield f"  - {_ask(question)}  # it answered like this when the draft was written"
    else:
        asked = f"no HTTP answer: {question.reason}" if question.reason else "not asked"
        yield f"  - {_ask(question)}  # {asked}"
    yield f"    name: {scalar(question.service)}"
    yield f"    rate: {RATE}  # enough for a verdict about 99%"


def _ask(question: Question) -> str:
    """The question as a step."""
    fields = [f"service: {scalar(question.service)}", f"port: {question.port}"]
    if not question.status:
        return f"tcp: {{{', '.join(fields)}}}"
    fields += ["scheme: https"] if question.scheme == "https" else []
    fields += [f"path: {_flow(question.path)}", f"status: {question.status}"]
    return f"http: {{{', '.join(fields)}}}"


def _flow(text: str) -> str:
    from json import dumps

    special = any(each in text for each in "{}[],#&*!|>'\"%@`: ?")
    return dumps(text, ensure_ascii=False) if special else text


def _of_dead_node(subject: Subject) -> Iterator[str]:
    """An objective that Kubernetes can meet at all; only the loss itself could measure it."""
    replicas = subject.workload.replicas or 1
    if replicas == 1:
        yield "    # the only Pod: it moves when the node is given up, after about six minutes"
        yield "    objective: {longest_outage: 8m}"
        return
    share = max(10, 100 * (replicas - 1) // replicas - 20)
    yield "    # a guess: until the node is found dead, requests to its Pods fail; tighten it"
    yield f"    objective: {{availability: {share}%}}"


def _objective(found: Baseline | None) -> Iterator[str]:
    if found is None or not found.good:
        yield "    # a guess: measure, then tighten"
        yield "    objective: {availability: 99%, longest_outage: 2s}"
        return
    ratio = math.floor(1000 * found.good / found.asked) / 10
    yield (
        f"    # measured without any fault: {found.good} of {found.asked} good, p95"
        f" {span(found.p95)} through the API server; tighten it"
    )
    limit = max(50, 50 * math.ceil(found.p95 * 1000 * 2 / 50))
    shown = f"{ratio:g}%" if ratio < 100 else "100%"
    yield f"    objective: {{availability: {shown}, p95: {limit}ms}}"
