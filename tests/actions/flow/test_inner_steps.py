"""Flow verbs: steps inside steps, with all rules of the engine."""

from __future__ import annotations

import pytest

from resilience.actions.flow.choose import VERB as ONE_OF
from resilience.actions.flow.expect_refused import VERB as REFUSED
from resilience.actions.flow.parallel import VERB as PARALLEL
from resilience.actions.flow.repeat import VERB as REPEAT
from resilience.actions.flow.sleep import VERB as SLEEP
from resilience.actions.objects.delete import VERB as DELETE
from resilience.actions.pods.evict import VERB as EVICT
from resilience.actions.pods.exec import VERB as EXEC
from resilience.actions.pods.kill import VERB as KILL
from resilience.actions.pods.quarantine import VERB as QUARANTINE
from resilience.actions.workloads.restart import VERB as RESTART
from resilience.actions.workloads.scale import VERB as SCALE
from resilience.checks.ready import VERB as READY
from resilience.checks.recovered import VERB as RECOVERED
from resilience.cluster.errors import Forbidden
from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.values import Duration, Reference, Share
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.actions.pods.test_pod_actions import budget
from tests.engine.helpers import World, step, world

APP = Selector.parse("app=web")
WEB = Reference.parse("deployment/web")


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy(replicas=6)
    return made


def inner(verb: object, path: str, **more: object) -> Step:
    from dataclasses import replace

    made = step(verb, Phase.WHEN, **more)  # type: ignore[arg-type]
    return replace(made, path=path)


def kill(path: str = "when[0].repeat[0]") -> Step:
    return inner(KILL, path, pods=APP, count=1)


def seconds(value: float) -> Duration:
    return Duration.of(value)


def test_a_repeat_starts_its_rounds_on_time_and_chooses_anew_each_time(here: World) -> None:
    record = here.run(when=[step(REPEAT, Phase.WHEN, steps=(kill(),), times=4,
                                 every=seconds(30))])  # fmt: skip
    assert record.outcome is Outcome.PASSED, record.message
    starts = [each.started - record.steps[0].started for each in record.steps[1:]]
    assert starts == pytest.approx([0, 30, 60, 90], abs=0.1)
    assert [each.path for each in record.steps[1:]] == [
        f"when[0].repeat[0]#{n}" for n in (1, 2, 3, 4)
    ]
    assert len({entry.facts["uid"] for entry in record.timeline if entry.what is What.VICTIM}) == 4


def test_no_round_begins_after_the_time_is_up(here: World) -> None:
    record = here.run(when=[step(REPEAT, Phase.WHEN, steps=(kill(),), for_=seconds(70),
                                 every=seconds(30))])  # fmt: skip
    assert len(record.steps) == 1 + 3


def test_jitter_moves_starts_by_up_to_its_share(here: World) -> None:
    record = here.run(when=[step(REPEAT, Phase.WHEN, steps=(kill(),), times=5, every=seconds(10),
                                 jitter=Share.parse("20%"))])  # fmt: skip
    starts = [each.started - record.steps[0].started - 10 * n
              for n, each in enumerate(record.steps[1:])]  # fmt: skip
    assert all(0 <= late <= 2.1 for late in starts)
    assert len({round(late, 3) for late in starts}) == 5


def test_a_step_that_fails_ends_the_rounds_and_is_told_once(here: World) -> None:
    none = inner(KILL, "when[0].repeat[0]", pods=Selector.parse("app=none"))
    record = here.run(when=[step(REPEAT, Phase.WHEN, steps=(none,), times=4)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert len(record.steps) == 2
    assert record.message.count("no living Pod") == 1


def test_a_within_beside_a_flow_verb_bounds_what_is_inside(here: World) -> None:
    here.controllers.ready_after = 1000.0
    ready = inner(READY, "when[0].repeat[1]", target=WEB, within=500.0)
    record = here.run(when=[step(REPEAT, Phase.WHEN, steps=(kill(), ready), times=4, within=20.0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    last = record.steps[-1]
    assert last.ended is not None
    assert last.ended - record.steps[0].started == pytest.approx(20.0, abs=0.1)


def test_parallel_steps_begin_together_and_the_first_failure_decides(here: World) -> None:
    sleep = inner(SLEEP, "when[0].parallel[0]", duration=seconds(7))
    other = inner(KILL, "when[0].parallel[1]", pods=APP, count=2)
    record = here.run(when=[step(PARALLEL, Phase.WHEN, steps=(sleep, other))])
    assert record.outcome is Outcome.PASSED, record.message
    assert {each.path for each in record.steps} == {
        "when[0]",
        "when[0].parallel[0]",
        "when[0].parallel[1]",
    }
    none = inner(KILL, "when[0].parallel[1]", pods=Selector.parse("app=none"))
    record = here.run(when=[step(PARALLEL, Phase.WHEN, steps=(sleep, none))])
    assert record.outcome is Outcome.NOT_MEASURED


def test_one_of_takes_one_by_the_seed(here: World) -> None:
    steps = tuple(inner(SLEEP, f"when[0].one_of[{n}]", duration=seconds(n + 1)) for n in range(5))
    paths = set()
    for seed in range(30):
        record = here.run(when=[step(ONE_OF, Phase.WHEN, steps=steps)], seed=seed)
        assert len(record.steps) == 2
        paths.add(record.steps[1].path)
    assert len(paths) == 5


def test_what_a_budget_refuses_is_refused_as_it_should_be(here: World) -> None:
    budget(here, 0)
    evict = inner(EVICT, "when[0].refused", pods=APP)
    record = here.run(when=[step(REFUSED, Phase.WHEN, step=evict, within=5.0)])
    assert record.outcome is Outcome.PASSED, record.message
    assert len(here.pods()) == 6


SAID = "the policy protects it"
PROTECTED = [
    ("delete", inner(KILL, "when[0].refused", pods=APP, count=2)),
    ("delete", inner(DELETE, "when[0].refused", objects=("deployment/web",))),
    ("patch", inner(RESTART, "when[0].refused", workload=WEB)),
    ("patch", inner(SCALE, "when[0].refused", workload=WEB, replicas=9)),
    ("patch", inner(QUARANTINE, "when[0].refused", pods=APP)),
    ("exec", inner(EXEC, "when[0].refused", pods=APP, command=("true",))),
]


@pytest.mark.parametrize(
    ("call", "asked"), PROTECTED, ids=[asked.verb.name for _, asked in PROTECTED]
)
def test_what_was_refused_harmed_nobody(
    here: World, monkeypatch: pytest.MonkeyPatch, call: str, asked: Step
) -> None:
    """Or `ready` waits for a disruption that never shows, and a probe is judged without one."""

    def refuse(*_: object, **__: object) -> object:
        raise Forbidden(403, SAID)

    monkeypatch.setattr(here.cluster, call, refuse)
    ready = step(READY, Phase.THEN, target=WEB, within=5.0)
    record = here.run(when=[step(REFUSED, Phase.WHEN, step=asked)], then=[ready], settle=0.1)
    assert record.outcome is Outcome.PASSED, record.message
    spared = [entry for entry in record.timeline if entry.text.endswith(("spared", "as it was"))]
    assert spared
    recovered = step(RECOVERED, Phase.THEN, within=5.0)
    record = here.run(when=[step(REFUSED, Phase.WHEN, step=asked)], then=[recovered], settle=0.1)
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no Pod was harmed" in record.message


def test_what_goes_through_although_it_should_be_refused_fails_the_service(here: World) -> None:
    budget(here, 1)
    evict = inner(EVICT, "when[0].refused", pods=APP)
    record = here.run(when=[step(REFUSED, Phase.WHEN, step=evict, within=5.0)])
    assert record.outcome is Outcome.SERVICE_FAILED
    assert "expected a refusal, but the API server allowed" in record.message


def test_a_step_that_fails_for_another_reason_proves_no_refusal(here: World) -> None:
    evict = inner(EVICT, "when[0].refused", pods=Selector.parse("app=none"))
    record = here.run(when=[step(REFUSED, Phase.WHEN, step=evict)])
    assert record.outcome is Outcome.NOT_MEASURED
    assert "no rule of the cluster refused it" in record.message


def test_an_abort_ends_all_parallel_steps(here: World) -> None:
    here.clock.after(3.0, lambda: here.aborter.abort("SIGTERM"))
    sleeps = tuple(inner(SLEEP, f"when[0].parallel[{n}]", duration=seconds(1000))
                   for n in range(3))  # fmt: skip
    record = here.run(when=[step(PARALLEL, Phase.WHEN, steps=sleeps)])
    assert record.outcome is Outcome.INTERRUPTED
    assert record.ended - record.started < 100
