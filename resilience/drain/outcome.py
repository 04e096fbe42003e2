"""The report of a drain: one record per Pod, and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How a drain ended for one Pod."""

    EVICTED = "evicted"
    GONE = "left by itself"
    IGNORED = "ignored"
    REFUSED = "refused"
    BLOCKED = "blocked"
    LEAVING = "leaving"
    TIMED_OUT = "timed out"
    FAILED = "failed"

    @property
    def fine(self) -> bool:
        """Whether this Pod is no longer on the node."""
        return self in (State.EVICTED, State.GONE, State.IGNORED)


@dataclass(slots=True, kw_only=True)
class PodDrain:
    """One Pod. `asked` and `gone` are monotonic seconds, `grace` seconds that it has to end;
    `rejected` counts refused evictions."""

    namespace: str
    name: str
    uid: str
    node: str
    state: State = State.BLOCKED
    reason: str = ""
    asked: float | None = None
    gone: float | None = None
    rejected: int = 0
    grace: float = 0.0

    def time_left(self, now: float) -> str:
        """The part of the grace period that the deadline cut off; "" if it has passed."""
        if self.asked is None or now - self.asked >= self.grace:
            return ""
        return (
            f"{now - self.asked:.0f} s of its grace period of {self.grace:g} s have passed; give"
            " the step a longer `within`, or a `grace`"
        )

    def __str__(self) -> str:
        text = f"{self.namespace}/{self.name}: {self.state.value}"
        if self.state is State.EVICTED and self.asked is not None and self.gone is not None:
            return f"{text} in {self.gone - self.asked:.1f} s"
        return f"{text}: {self.reason}" if self.reason else text


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainResult:
    """The whole drain, Pods by namespace and name."""

    pods: Sequence[PodDrain]
    seconds: float

    @property
    def drained(self) -> bool:
        """Whether everything that should have gone is gone."""
        return all(pod.state.fine for pod in self.pods)

    @property
    def evicted(self) -> Sequence[PodDrain]:
        """The Pods that left because this drain evicted them."""
        return [pod for pod in self.pods if pod.state is State.EVICTED]

    @property
    def rejected(self) -> int:
        """Evictions that the API server refused."""
        return sum(pod.rejected for pod in self.pods)

    def lines(self) -> Sequence[str]:
        """One line for each Pod that was not simply evicted, for a person to act on."""
        return [str(pod) for pod in self.pods if pod.state not in (State.EVICTED, State.GONE)]
