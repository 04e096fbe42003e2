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
from resilience.cluster.interface import PODS
from resilience.drain.answers import POLL, TRY_AGAIN, Answer, Reply, evict, reading
from tests.drain.objects import pod
from tests.engine.fakes import FakeClock, FakeCluster

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
def test_each_answer_to_an_eviction_has_one_meaning(error: ClusterError, reply: Reply) -> None:
    assert reading(error) == reply


@pytest.mark.parametrize(
    ("causes", "words"),
    [
        ([{"message": "one"}, {"message": "two"}], "one; two"),
        ([{"reason": "r"}, {"message": ""}, {"message": "two"}], "two"),
        ([{"reason": "r"}], "Cannot evict"),
        ([], "Cannot evict"),
    ],
)
def test_the_words_of_a_refusal_are_those_of_its_causes(causes: Any, words: str) -> None:
    error = Throttled(429, "Cannot evict", status={"details": {"causes": causes}})
    assert reading(error).words == words


def test_an_eviction_is_sent_with_its_grace_and_answered() -> None:
    cluster = FakeCluster(FakeClock())
    one = cluster.put(PODS, pod("a"))
    assert evict(cluster, one, 7) == Reply(Answer.ACCEPTED)
    assert cluster.have(PODS, "a", "shop")["metadata"]["deletionGracePeriodSeconds"] == 7
    assert cluster.calls == [("POST", "/api/v1/namespaces/shop/pods/a/eviction")]
    cluster.remove(PODS, "shop", "a")
    assert evict(cluster, one, None) == Reply(Answer.GONE)
