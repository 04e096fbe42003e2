"""Exceptions that a test in Python may raise, and the outcome of each.

The test decides: it may expect a step to fail, or an objective to be missed, and pass. The
exception that ends the test decides its outcome. Exceptions of this package contain their cause.
Any other exception counts as a failure of the service, like an assertion, since nothing else is
known about it.
"""

from __future__ import annotations

from resilience.cluster.errors import ClusterError
from resilience.engine.base.abort import Aborted
from resilience.engine.python.measured import NotMeasured
from resilience.engine.python.python_calls import Misspoken
from resilience.engine.run.probe_group import NotSteady
from resilience.engine.run.run import Trouble
from resilience.engine.run.steps import outcome_of
from resilience.model.masks import shown
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed, Blocked, Refused


class StepFailed(Exception):
    """An action could not be executed; `outcome` says why."""

    def __init__(self, text: str, outcome: Outcome) -> None:
        super().__init__(shown(text))
        self.outcome = outcome


class NotHeld(AssertionError):
    """A check or an objective does not hold; `outcome` says whether it was measured at all."""

    def __init__(self, text: str, outcome: Outcome = Outcome.SERVICE_FAILED) -> None:
        super().__init__(shown(text))
        self.outcome = outcome


class UndoIncomplete(Exception):
    """Changes by this test are still in the cluster."""


class UnknownVerb(AttributeError):
    """There is no verb with that name."""


_UNMEASURED = (NotMeasured, NotSteady, Misspoken, UnknownVerb)


def trouble(error: BaseException) -> Trouble | None:
    """The outcome of the exception; None if the run itself knows why it ended."""
    if isinstance(error, Aborted):
        return None
    if isinstance(error, StepFailed | NotHeld):
        return Trouble(error.outcome, str(error))
    if isinstance(error, _UNMEASURED):
        return Trouble(Outcome.NOT_MEASURED, str(error))
    if isinstance(error, Refused | Blocked):
        refused = isinstance(error, Refused)
        return Trouble(Outcome.REFUSED if refused else Outcome.BLOCKED, str(error))
    if isinstance(error, ClusterError | ActionFailed):
        return Trouble(outcome_of(error), str(error))
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
        return Trouble(Outcome.INTERRUPTED, str(error) or type(error).__name__)
    if isinstance(error, AssertionError):
        return Trouble(Outcome.SERVICE_FAILED, str(error) or "an assertion of the test")
    return Trouble(Outcome.SERVICE_FAILED, f"{type(error).__name__}: {error}")
