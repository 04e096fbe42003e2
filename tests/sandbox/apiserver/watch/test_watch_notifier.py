"""The bell that wakes watchers: at once when it is quiet, in rounds when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from resilience.sandbox.apiserver.watch.watch_notifier import LONGEST_REST, Bell, Ear


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await work

    asyncio.run(bounded())


class Listener:
    """A task that waits with an ear and notes when it was woken."""

    def __init__(self) -> None:
        self.ear = Ear()
        self.woken: list[float] = []
        self.heard = asyncio.Event()
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.ear.wait(loop.time() + 60)
            self.woken.append(loop.time())
            self.heard.set()

    async def hears(self) -> float:
        await self.heard.wait()
        self.heard.clear()
        return self.woken[-1]


def costing(seconds: float) -> Bell:
    """A bell whose every round seems to take so much of the CPU."""
    now = iter(float(turn) * seconds for turn in range(10_000))
    return Bell(spent=lambda: next(now))


def test_a_change_in_a_quiet_cluster_is_heard_within_two_turns_of_the_loop() -> None:
    async def work() -> None:
        bell, listener = costing(1.0), Listener()
        await asyncio.sleep(0)
        bell.ring(listener.ear)
        for _ in range(2):
            await asyncio.sleep(0)
        assert len(listener.woken) == 1

    run(work())


def test_after_a_costly_round_the_bell_rests_but_not_for_long() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        bell, listener = costing(1.0), Listener()
        await asyncio.sleep(0)
        bell.ring(listener.ear)
        first = await listener.hears()
        bell.ring(listener.ear)
        second = await listener.hears()
        assert second - first >= LONGEST_REST * 0.9
        assert loop.time() - first < 5

    run(work())


def test_a_cheap_round_is_followed_at_once_by_the_next() -> None:
    async def work() -> None:
        bell, listener = costing(0.0), Listener()
        for count in range(1, 4):
            await asyncio.sleep(0)
            bell.ring(listener.ear)
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(listener.woken) == count

    run(work())


def test_who_rings_during_a_rest_is_woken_together_afterwards() -> None:
    async def work() -> None:
        bell, listeners = costing(1.0), [Listener() for _ in range(3)]
        await asyncio.sleep(0)
        bell.ring(listeners[0].ear)
        await listeners[0].hears()
        for listener in listeners:
            bell.ring(listener.ear)
        await asyncio.gather(*(listener.hears() for listener in listeners))
        moments = [listener.woken[-1] for listener in listeners]
        assert [len(listener.woken) for listener in listeners] == [2, 1, 1]
        assert max(moments) - min(moments) < LONGEST_REST

    run(work())


def test_who_rings_during_a_round_needs_not_ring_again() -> None:
    async def work() -> None:
        bell, first, second = costing(0.0), Listener(), Listener()
        await asyncio.sleep(0)
        bell.ring(first.ear)
        await asyncio.sleep(0)  # The round has begun, and is not over.
        bell.ring(second.ear)
        await second.hears()

    run(work())


def test_a_wait_ends_at_its_own_moment_not_at_that_of_an_earlier_one() -> None:
    async def work() -> None:
        loop, ear = asyncio.get_running_loop(), Ear()
        loop.call_soon(ear.wake)
        await ear.wait(loop.time() + 0.01)
        later = loop.time() + 0.03
        await ear.wait(later)
        assert loop.time() >= later
        ear.close()

    run(work())


def test_a_sooner_moment_moves_the_alarm_forward() -> None:
    async def work() -> None:
        loop, ear = asyncio.get_running_loop(), Ear()
        loop.call_soon(ear.wake)
        await ear.wait(loop.time() + 60)
        await ear.wait(loop.time() + 0.01)
        ear.close()

    run(work())
