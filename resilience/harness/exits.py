"""Exit codes of a pytest run beyond pytest's own, so that CI can tell a bad service from a bad run.

0-6  pytest's own: 1 a service or a test failed, 2 Ctrl-C, 4 wrong usage ...
20   something could not be undone: `resilience recover`. Wins over everything
21   something could not be measured          ┐
22   the run itself failed, not the service                │ only when nothing worse
23   a guard refused                          │ happened in the same run
24   a budget blocked what was requested          │
25   a run was cut short, by a lost lock say  ┘
128+N  a signal (SIGTERM 143, SIGHUP 129, SIGQUIT 131), after the undo
"""

from __future__ import annotations

from collections.abc import Iterable

from resilience.model.verdict import Outcome

UNDO_INCOMPLETE = 20

OWN = {
    Outcome.NOT_MEASURED: 21,
    Outcome.HARNESS_ERROR: 22,
    Outcome.REFUSED: 23,
    Outcome.BLOCKED: 24,
    Outcome.INTERRUPTED: 25,
}

_OK = 0
_TESTS_FAILED = 1


def code(pytest_code: int, outcomes: Iterable[Outcome], others_failed: bool) -> int:
    """The session's exit code. `others_failed` says that a test failed which is neither scenario
    nor plan. The recorded outcome counts, even if pytest was made to report a pass."""
    seen = set(outcomes)
    if pytest_code == _OK and seen - {Outcome.PASSED}:
        pytest_code = _TESTS_FAILED
    if Outcome.UNDO_INCOMPLETE in seen:
        return UNDO_INCOMPLETE
    if pytest_code != _TESTS_FAILED or others_failed or Outcome.SERVICE_FAILED in seen:
        return pytest_code
    own = sorted(OWN[outcome] for outcome in seen if outcome in OWN)
    return own[0] if own else pytest_code
