"""Each answer of the eviction subresource leads to the decision that rules 2.1 asks for."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.drain.answers import POLL, TRY_AGAIN, Answer, Reply, reading

EXHAUSTED = {
    "details": {"causes": [{"reason": "DisruptionBudget", "message": "The budget needs 3"}]}
}
TERMINATING: dict[str, Any] = {"details": {"causes": [{"reason": "NamespaceTerminating"}]}}
TWO = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not"


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (NotFound(404, "gone"), Reply(Answer.GONE)),
        (
            Throttled(429, "Cannot evict", status=EXHAUSTED),
            Reply(Answer.CLOSED, POLL, "The budget needs 3"),
        ),
        (
            Throttled(429, "still being processed", retry_after=10),
            Reply(Answer.CLOSED, 10, "still being processed", firm=True),
        ),
        (
            Forbidden(403, "no", status=TERMINATING),
            Reply(Answer.LEAVING, words="its namespace is being deleted"),
        ),
        (ServerTrouble(500, TWO), Reply(Answer.CLOSED, POLL, TWO)),
        (ServerTrouble(503, "away", retry_after=3), Reply(Answer.AGAIN, 3, "away")),
        (Conflict(409, "changed"), Reply(Answer.AGAIN, TRY_AGAIN, "changed")),
        (Unreachable("refused"), Reply(Answer.AGAIN, TRY_AGAIN, "refused")),
        (Forbidden(403, "no right"), Reply(Answer.NEVER, words="no right")),
        (Invalid(400, "bad"), Reply(Answer.NEVER, words="bad")),
    ],
)
def test_an_answer_means(error: ClusterError, reply: Reply) -> None:
    assert reading(error) == reply
