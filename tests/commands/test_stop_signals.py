"""SIGTERM and SIGHUP are Ctrl-C to a command; what is ignored stays ignored."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from resilience.commands.stop_signals import STOPS, Stopped, stops


@pytest.fixture(autouse=True)
def by_default() -> Iterator[None]:
    before = {each: signal.signal(each, signal.SIG_DFL) for each in STOPS}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_it_raises_what_cleans_up_after_ctrl_c(number: signal.Signals, code: int) -> None:
    with pytest.raises(KeyboardInterrupt, match=number.name) as raised, stops():
        os.kill(os.getpid(), number)
    assert isinstance(raised.value, Stopped)
    assert raised.value.code == code
    assert [signal.getsignal(each) for each in STOPS] == [signal.SIG_DFL] * 2


def test_the_second_one_ends_the_process() -> None:
    seen = list[object]()

    def ended_while_it_cleans_up() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            seen.extend(signal.getsignal(each) for each in STOPS)

    with pytest.raises(Stopped), stops():
        ended_while_it_cleans_up()
    assert seen == [signal.SIG_DFL] * 2


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stops():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_another_thread_answers_no_signals() -> None:
    seen = []

    def work() -> None:
        with stops():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
