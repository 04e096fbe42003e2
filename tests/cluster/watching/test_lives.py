"""Which Pods lived at a certain time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilience.cluster.interface import WatchEvent
from resilience.cluster.watching.lives import living
from resilience.kube import objects

PHASES = ("Pending", "Running", "Succeeded", "Failed", "")
"""The last one stands for a deletion."""

STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.sampled_from(PHASES)), max_size=12
)


def events(steps: list[tuple[int, str, str]]) -> list[WatchEvent]:
    return [
        WatchEvent(
            "MODIFIED" if phase else "DELETED",
            {"metadata": {"uid": uid}, "status": {"phase": phase or "Running"}},
            float(at),
        )
        for at, uid, phase in sorted(steps, key=lambda each: each[0])
    ]


@given(STEPS, st.integers(0, 9))
def test_a_pod_lives_if_it_was_unfinished_at_that_time_or_later(
    steps: list[tuple[int, str, str]], since: int
) -> None:
    """Against a referee that keeps the last phase of each Pod."""
    last: dict[str, str] = {}
    alive: set[str] = set()
    for at, uid, phase in sorted(steps, key=lambda each: each[0]):
        if at < since:
            last[uid] = phase
        elif phase not in ("Succeeded", "Failed"):
            alive.add(uid)  # also with its deletion: it lived until then
    alive |= {uid for uid, phase in last.items() if phase in ("Pending", "Running")}
    assert {objects.uid(pod) for pod in living(events(steps), float(since))} == alive
