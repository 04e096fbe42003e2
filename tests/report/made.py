"""Records of runs that never were, always the same: one failed in many ways, one passed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from resilience.model.place import Place
from resilience.model.report import ProbeRecord, RunRecord
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective, Scenario
from resilience.model.timeline import DRILLED, Entry, What
from resilience.model.values import Availability, Duration, RunId
from resilience.model.verdict import (
    Figure,
    Finding,
    Outcome,
    Result,
    StepRecord,
    Unit,
    Window,
)
from resilience.probes.judge import Observed, judge
from resilience.report import wording

ZERO, WALL = 5000.0, 1_790_000_000.0
INTERVAL = 0.02
FILE = "scenarios/lose-a-third.scenario.yaml"
ENVIRONMENT = {
    "resilience": "0.1.0", "context": "sandbox", "server": "v1.36.2+sandbox", "sandbox": True,
    "commit": "4f1c0de5a1b2c3d4e5f60718293a4b5c6d7e8f90", "branch": "main",
    "ci": "https://ci.example.com/jobs/17", "who": "mary",
}  # fmt: skip


def samples(broken: bool) -> list[Sample]:
    """Twenty seconds at 50/s; broken: refused around +5 s, slow and half gone later."""
    return [_sample(seq, broken) for seq in range(1000)]


def _sample(seq: int, broken: bool) -> Sample:
    at, answer, took = seq * INTERVAL, Answer.GOOD, 0.002 + (seq * 7 % 13) / 4000
    if broken and 4.2 <= at < 5.0:
        answer, took = Answer.REFUSED, 0.0004
    elif broken and 8.0 <= at < 11.0:
        answer = Answer.TIMEOUT if seq % 2 else Answer.GOOD
        took = 1.0 if seq % 2 else 0.2 + (seq % 50) / 100
    elif broken and seq == 800:
        answer = Answer.STATUS
    return Sample(
        seq=seq,
        intended=ZERO + 0.5 + at,
        sent=ZERO + 0.5 + at + 0.0001,
        ended=ZERO + 0.5 + at + took,
        answer=answer,
        status={Answer.GOOD: 200, Answer.STATUS: 503}.get(answer, 0),
        by=f"checkout-{seq % 3}" if answer is Answer.GOOD else "",
    )


def record(broken: bool = True) -> RunRecord:
    """One run."""
    window = Window(since=ZERO + 4.5, until=ZERO + 18.0)
    measured = samples(broken)
    objective = Objective(
        availability=Availability(Fraction(99, 100)),
        longest_outage=Duration.of(2),
        latency={95: Duration.parse("300ms")},
    )
    observed = Observed(name="checkout", interval=INTERVAL, timeout=1.0, samples=measured)
    findings = judge(observed, objective, window)
    failed = any(finding.result is Result.FAILED for finding in findings)
    recovered = Finding(
        name="recovered.when[0]", figure=Figure.RECOVERY, limit=30.0, unit=Unit.SECONDS,
        subject="deployment/checkout", result=Result.PASSED,
        promised="recovery within 30s",
        measured="deployment/checkout recovered in 1.9s", value=1.9,
    )  # fmt: skip
    return RunRecord(
        run=RunId("68b1f2-0a1b2c" if broken else "68b1f9-0a1b2c"),
        scenario=_scenario(broken),
        seed=7,
        started_wall=WALL,
        started=ZERO,
        ended=ZERO + 21.5,
        outcome=Outcome.SERVICE_FAILED if failed else Outcome.PASSED,
        message=(
            "service failed:\n  checkout.availability: failed\n    expected  99%\n"
            f"    measured  {wording.measured(findings[0])}" if failed else ""
        ),
        window=window,
        steps=_steps(),
        findings=[*findings, recovered],
        probes=[
            ProbeRecord(name="checkout", title="GET http://checkout:http/hostname", rate=50.0,
                        samples=measured, facts={"target": "GET http://checkout:http/hostname"})
        ],
        timeline=_timeline(),
        environment=ENVIRONMENT,
        residues=("new Pods replaced the killed ones",),
        leftovers=("Namespace shop: still terminating <after> 180s",) if failed else (),
    )  # fmt: skip


def drill(seconds: float = 41.5) -> RunRecord:
    """A plan's drill that restored a snapshot; its objective is one minute."""
    made = record(broken=False)
    parts = {"verify": 0.4, "create": 1.6, "ready": seconds - 4.5, "load": 2.0, "proven": 0.5}
    good = seconds <= 60
    rto = Finding(
        name="rto", figure=Figure.RTO, result=Result.PASSED if good else Result.FAILED,
        promised="restored and proven within 1m", measured=f"{seconds}s", value=seconds,
        limit=60.0, unit=Unit.SECONDS, parts=parts,
    )  # fmt: skip
    snapshot = {
        "name": "shop-20260921141200", "started": "2026-09-21T14:12:00+00:00",
        "store": "s3://backups/shop", "cluster": "production", "objects": 214, "bytes": 5_312_000,
    }  # fmt: skip
    named = Entry(monotonic=ZERO + 0.2, wall=WALL + 0.2, what=What.NOTE,
                  text="the drill restores snapshot shop-20260921141200",
                  facts={DRILLED: snapshot})  # fmt: skip
    step = StepRecord(
        path="then[0]", phase="then", verb="drill", title="the newest snapshot is restored in time",
        place=Place("backups/shop.plan.yaml", 2, 1), started=ZERO + 0.2, ended=ZERO + 21.0,
        result=rto.result,
    )  # fmt: skip
    return replace(
        made,
        run=RunId("68b1fa-0a1b2c"),
        scenario=replace(made.scenario, id="shop-drill", title="the shop: it is restored in time",
                         tags=("drill",), place=Place("backups/shop.plan.yaml", 2, 1)),
        outcome=Outcome.PASSED if good else Outcome.SERVICE_FAILED,
        message="", window=None, steps=[step], findings=[rto], probes=[], timeline=[named],
        residues=(),
    )  # fmt: skip


def cases() -> list[RunRecord]:
    """One scenario by the values of a matrix; the one that loses all fails."""
    found = []
    for share in ("33%", "100%"):
        for grace in ("10s", "0s"):
            made = record(broken=share == "100%" and grace == "0s")
            matrix = {"share": share, "grace": grace}
            found.append(
                replace(
                    made,
                    scenario=replace(
                        made.scenario,
                        id=f"cart[{share},{grace}]",
                        title="the cart loses some",
                        description="",
                        matrix=matrix,
                        place=Place("scenarios/cart.scenario.yaml", 2, 1),
                    ),
                )
            )
    return found


def _scenario(broken: bool) -> Scenario:
    return Scenario(
        id="lose-a-third" if broken else "lose-one",
        title="checkout survives losing a third of its Pods & <more>"
        if broken
        else "checkout loses one of three Pods gracefully",
        tags=("pods", "smoke"),
        namespace="shop",
        seed=7,
        given=(),
        probes=(),
        when=(),
        then=(),
        description="What a node's sudden end does to it." if broken else "",
        place=Place(FILE, 2, 1),
    )


def _steps() -> list[StepRecord]:
    def step(phase: str, verb: str, title: str, since: float, until: float) -> StepRecord:
        return StepRecord(
            path=f"{phase}[0]", phase=phase, verb=verb, title=title, place=Place(FILE, 9, 5),
            started=ZERO + since, ended=ZERO + until, result=Result.PASSED,
        )  # fmt: skip

    return [
        step("given", "apply", "apply manifests/checkout.yaml", 0.01, 0.1),
        step("given", "ready", "deployment/checkout is ready", 0.1, 0.4),
        step("when", "kill", "kill 1/3 of the Pods app=checkout with grace 0s", 4.5, 4.6),
        step("when", "ready", "deployment/checkout is ready", 4.6, 6.6),
        step("when", "drain", "drain the node that runs app=checkout", 8.0, 13.0),
        step("then", "recovered", "every action recovered", 18.0, 18.1),
    ]


def _timeline() -> list[Entry]:
    def entry(at: float, what: What, text: str, **facts: object) -> Entry:
        return Entry(monotonic=ZERO + at, wall=WALL + at, what=what, text=text, facts=facts)

    def pod(at: float, number: int, state: str, **more: object) -> Entry:
        name = f"checkout-{number}"
        return entry(at, What.WATCH, f"Pod shop/{name} {state}", kind="Pod", uid=f"u-{number}",
                     name=name, namespace="shop", node=f"node-{1 + number % 3}", state=state,
                     ready=state == "ready", **more)  # fmt: skip

    def budget(at: float, allowed: int) -> Entry:
        return entry(at, What.WATCH, f"PodDisruptionBudget shop/checkout lets {allowed} Pods go",
                     kind="PodDisruptionBudget", uid="b-0", name="checkout", namespace="shop",
                     allowed=allowed)  # fmt: skip

    return [
        *(pod(0.3 + number / 10, number, "ready") for number in range(3)),
        pod(4.51, 0, "terminating", deleted=True),
        pod(4.9, 0, "gone", gone=True, deleted=True),
        pod(4.6, 3, "pending"),
        pod(5.2, 3, "running, not ready"),
        pod(6.4, 3, "ready"),
        budget(0.2, 1),
        budget(4.6, 0),
        budget(6.4, 1),
        budget(8.1, 0),
        budget(12.5, 1),
        entry(0.0, What.RUN, "checkout survives (seed 7)", state="started"),
        entry(0.01, What.STEP, "apply manifests/checkout.yaml", state="started"),
        entry(0.1, What.STEP, "apply manifests/checkout.yaml", state="done"),
        entry(0.5, What.PROBE, "checkout started", state="started"),
        entry(4.5, What.VICTIM, "shop/checkout-0: chosen by seed", node="node-1", uid="u-0"),
        entry(4.55, What.PROOF, "shop/checkout-0 is terminating or gone"),
        entry(8.1, What.VICTIM, "shop/checkout-1: runs on node-2", node="node-2", uid="u-1"),
        entry(8.2, What.EVENT, "Pod shop/checkout-1: Killing: Stopping container web"),
        entry(
            8.9,
            What.EVENT,
            "Pod shop/checkout-1: Unhealthy: Readiness probe failed",
            type="Warning",
            reason="Unhealthy",
        ),
        entry(19.0, What.UNDO, "undone: delete Deployment shop/checkout", state="done"),
        entry(21.5, What.RUN, "ended", state="ended"),
    ]
