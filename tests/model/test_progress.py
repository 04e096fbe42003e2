"""Work tells how far it is to whoever listens, and to nobody otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from resilience.model.progress import Done, Task, listening, track


class Heard:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int]] = []
        self.ended: list[str] = []

    @contextmanager
    def __call__(self, task: Task) -> Iterator[Done]:
        try:
            yield lambda count: self.said.append((task.what, count))
        finally:
            self.ended.append(task.what)


def test_without_a_listener_nothing_happens() -> None:
    with track("copy", total=3) as done:
        done(1)


def test_a_listener_hears_each_step_also_from_other_threads_and_the_end() -> None:
    heard = Heard()
    with listening(heard), track("copy", total=3) as done:
        done(1)
        thread = Thread(target=done, args=(2,))
        thread.start()
        thread.join()
        assert heard.ended == []
    assert heard.said == [("copy", 1), ("copy", 2)]
    assert heard.ended == ["copy"]


def test_a_task_ends_when_its_work_fails_and_the_listener_leaves_with_the_block() -> None:
    heard = Heard()
    with pytest.raises(ZeroDivisionError), listening(heard), track("copy"):
        raise ZeroDivisionError
    assert heard.ended == ["copy"]
    with track("later") as done:
        done(1)
    assert heard.said == []
