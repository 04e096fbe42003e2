"""Tests in Python: the fixture `resilience`, and failures that end at the test's own line."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest

import resilience
from resilience.harness import output
from resilience.model.masks import shown

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster
    from resilience.engine.python.fixture import Resilience

OURS = str(Path(resilience.__file__).parent)

NAME = "resilience"
"""The fixture's name."""


def uses(item: pytest.Item) -> bool:
    """Whether this test asks for the fixture."""
    return NAME in getattr(item, "fixturenames", ())


def serve(request: pytest.FixtureRequest, cluster: HttpCluster) -> Iterator[Resilience]:
    """For the fixture: everything is put back when the test is over, whatever happened in it."""
    from resilience.cluster.errors import ClusterError
    from resilience.engine.python.fixture import UndoIncomplete
    from resilience.engine.python.measured import NotMeasured
    from resilience.harness import current
    from resilience.model.verdict import Outcome
    from resilience.verbs.context import ActionFailed, Refused

    session = current.session(request.config)
    if session.settings.dry_run:
        pytest.skip("dry run: what a test in Python would do is known only by running it")
    try:
        session.ask_consent_for(cluster, [session.settings.namespace])
    except Refused as error:
        pytest.fail(shown(f"refused by guard: {error}; {session.untouched}"), pytrace=False)
    title, directory = request.node.nodeid, request.path.parent
    with output.live(request.config, moving=False) as live:
        serving = session.serve(cluster, live, title, directory)
        try:
            ours = serving.__enter__()
        except Refused as error:
            pytest.fail(shown(f"refused by guard: {error}; {session.untouched}"), pytrace=False)
        except (ActionFailed, ClusterError) as error:  # it never began
            session.outcomes[title] = Outcome.HARNESS_ERROR
            pytest.fail(shown(f"{Outcome.HARNESS_ERROR.value}: {error}"), pytrace=False)
        try:
            yield ours
        finally:
            if session.signals.interrupted:  # also where what it raised was lost on its way
                request.session.shouldstop = session.interruption(session.outcomes.get(title))
            try:
                serving.__exit__(None, None, None)
            except UndoIncomplete as error:
                session.mark_incomplete(title)
                if session.signals.interrupted:
                    stop = session.interruption(session.outcomes[title])
                    request.session.shouldstop = stop
                raise pytest.fail.Exception(shown(str(error)), pytrace=False) from None
            except NotMeasured as error:
                raise pytest.fail.Exception(shown(str(error)), pytrace=False) from None


def without_our_frames(error: BaseException) -> BaseException:
    """The same exception, as if it had been raised at the last line that is not ours."""
    frames = list(traceback.walk_tb(error.__traceback__))
    while frames and _is_ours(frames[-1][0].f_code.co_filename):
        frames.pop()
    chain: TracebackType | None = None
    for frame, line in reversed(frames):
        chain = TracebackType(chain, frame, frame.f_lasti, line)
    return error.with_traceback(chain) if chain is not None else error


def _is_ours(file: str) -> bool:
    return file.startswith(OURS) or Path(file).name == "contextlib.py"
