"""When a wait asks, in scripted time."""

from __future__ import annotations

from resilience.engine.base.real_clock import RealClock


class Scripted(RealClock):
    """A clock that naps in no time."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def _nap(self, seen: int, seconds: float) -> None:
        self.now += seconds


def test_an_answer_that_came_late_is_asked_for_again() -> None:
    clock, asked = Scripted(), []

    def holds() -> bool:
        asked.append(clock.now)
        clock.now += 8.0
        return len(asked) == 2

    assert clock.until(holds, 5.0)
    assert asked == [0.0, 8.0]


def test_the_last_question_is_asked_once_at_the_deadline_or_after_it() -> None:
    for slow in (0.0, 0.3, 2.0):
        clock = Scripted()
        asked: list[float] = []

        def holds(clock: Scripted = clock, asked: list[float] = asked, slow: float = slow) -> bool:
            asked.append(clock.now)
            clock.now += slow
            return False

        assert not clock.until(holds, 1.0)
        assert [moment >= 1.0 for moment in asked].count(True) == 1
        assert asked[-1] >= 1.0


def test_a_wait_that_is_over_asks_once() -> None:
    clock, asked = Scripted(), []

    def holds() -> bool:
        asked.append(clock.now)
        return False

    assert not clock.until(holds, -1.0)
    assert asked == [0.0]
