"""Tests in Python: the fixture `resilience`, and failures that end at the test's own line.

Such a test is a run like a scenario's: started, guarded, recorded and reported by the same code.
What the test raises decides its outcome.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from resilience.harness import FIXTURE, output, recording
from resilience.harness.naming import near
from resilience.model.masks import shown

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.engine.python.fixture import Resilience
    from resilience.harness.session import Session
    from resilience.model.scenario import Scenario

NAME = "resilience"
"""The fixture's name."""

RAISED: pytest.StashKey[BaseException | None] = pytest.StashKey()
"""The exception of the test or of one of its fixtures; None if it ran to its end. Unset if it never
ran."""

SERVED: pytest.StashKey[Resilience] = pytest.StashKey()
"""The fixture's value, while it is in use."""


def uses(item: pytest.Item) -> bool:
    """Whether this test uses the fixture."""
    return NAME in getattr(item, "fixturenames", ())


def member(item: pytest.Item) -> str:
    """The cluster of the fleet that is its parameter; "" without a fleet."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return str(params.get(FIXTURE, ""))


def parametrize(metafunc: pytest.Metafunc) -> None:
    """In a fleet, one test for each cluster."""
    from resilience.harness import current

    if fleet := current.session(metafunc.config).fleet:
        metafunc.parametrize(
            FIXTURE, [*fleet], indirect=True, scope="session",
            ids=[f"cluster={name}" for name in fleet],
        )  # fmt: skip


def serve(request: pytest.FixtureRequest, cluster: HttpCluster) -> Iterator[Resilience]:
    """The fixture's context manager: everything is undone when the test is over, whatever happened
    in it."""
    from resilience.cluster.errors import ClusterError
    from resilience.harness import current
    from resilience.harness.fleet.of_member import environment_of
    from resilience.harness.session import Interrupted
    from resilience.model.verdict import Outcome
    from resilience.verbs.context import ActionFailed, Refused

    node = request.node
    session = current.session(request.config).on(member(node))
    if session.settings.dry_run:
        pytest.skip("dry run: the effect of a Python test is only known by running it")
    scenario = as_scenario(node)

    def never_began(outcome: Outcome, text: str) -> NoReturn:
        recording.never_began(node, outcome)
        pytest.fail(shown(text), pytrace=False)

    member_of = current.session(request.config).fleet.get(member(node))
    with environment_of(member_of), output.live(request.config, moving=False) as live:
        serving = session.serve(scenario, cluster, live, request.path.parent)
        try:
            ours = serving.__enter__()
        except Refused as error:
            never_began(Outcome.REFUSED, f"refused by guard: {error}; {session.untouched}")
        except Interrupted as error:
            never_began(Outcome.INTERRUPTED, f"{Outcome.INTERRUPTED.value}: {error}")
        except (ActionFailed, ClusterError) as error:
            never_began(Outcome.HARNESS_ERROR, f"{Outcome.HARNESS_ERROR.value}: {error}")
        node.stash[SERVED] = ours
        try:
            node.ihook.pytest_resilience_run_started(item=node, scenario=scenario)
            yield ours
        finally:
            del node.stash[SERVED]
            _end(session, node, serving, ours)


def _end(session: Session, node: pytest.Item, serving: Any, ours: Resilience) -> None:
    """Undo, keep the record, and fail if something is left or was never measured."""
    from resilience.engine.python.how_it_ended import UndoIncomplete
    from resilience.engine.python.measured import NotMeasured
    from resilience.model.masks import shown_record
    from resilience.model.verdict import Outcome

    ran, raised = RAISED in node.stash, node.stash.get(RAISED, None)
    skipped = isinstance(raised, pytest.skip.Exception)
    if raised is not None and not skipped:
        ours.ended(raised)
    problem: Exception | None = None
    try:
        serving.__exit__(None, None, None)
    except (UndoIncomplete, NotMeasured) as error:
        problem = error
    record = shown_record(ours.record())
    if (ran and not skipped) or ours.aborted or record.outcome is Outcome.UNDO_INCOMPLETE:
        session.records.append(record)
        recording.keep(node, record)
    if session.signals.interrupted:  # even if its exception was lost
        assert node.session is not None
        node.session.shouldstop = session.interruption(record.outcome)
    if problem is not None:
        raise pytest.fail.Exception(shown(str(problem)), pytrace=False) from None


def noted(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember what a phase of the test raised, before its report is made."""
    raised = call.excinfo.value if call.excinfo is not None else None
    if call.when == "call" or (call.when == "setup" and raised is not None):
        item.stash[RAISED] = raised
        if raised is not None and (ours := item.stash.get(SERVED, None)) is not None:
            recording.show_steps(item, ours.timeline, ours.started)


def as_scenario(item: pytest.Item) -> Scenario:
    """Represents the test in reports: its name, its docstring, its place; no steps."""
    from resilience.model.place import Place
    from resilience.model.scenario import Scenario

    _, line, _ = item.reportinfo()
    first, _, rest = (inspect.getdoc(getattr(item, "obj", None)) or "").partition("\n")
    case = getattr(item, "callspec", None)
    title = f"{first} [{case.id}]" if first and case is not None else first or item.name
    return Scenario(
        id=item.nodeid.partition("::")[2] or item.name,
        title=title,
        description=rest.strip(),
        tags=(),
        namespace="",
        seed=None,
        given=(),
        probes=(),
        when=(),
        then=(),
        place=Place(str(near(item.path, item.config.invocation_params.dir)), (line or 0) + 1, 1),
    )


def without_our_frames(error: BaseException) -> BaseException:
    """The same exception, as if raised at the last line outside this package."""
    from resilience.engine.python.python_calls import is_ours

    frames = list(traceback.walk_tb(error.__traceback__))
    while frames and is_ours(frames[-1][0].f_code.co_filename):
        frames.pop()
    chain: TracebackType | None = None
    for frame, line in reversed(frames):
        chain = TracebackType(chain, frame, frame.f_lasti, line)
    return error.with_traceback(chain) if chain is not None else error
