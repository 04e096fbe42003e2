"""An asker in a Pod: it writes what it would say beside the test, and says what its image lacks."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from resilience import __version__
from resilience.model.masks import MASKS
from resilience.model.samples import Answer
from resilience.model.verb import Verb
from resilience.probes.agent.main import REPLACE_ME
from resilience.probes.inside import asking_pod, told_lines
from resilience.probes.inside.told_lines import KINDS, Kind
from resilience.probes.prober.asker import Ask, Never, Reply, Tell
from resilience.probes.prober.news import News, Part
from resilience.probes.prober.program import AGENT, ASKER
from resilience.probes.prober.samples import SampleLog
from resilience.probes.service import server
from resilience.verbs.catalogue import catalogue

GIVEN = {"kind": "redis", "extra": "redis", "rate": 200, "timeout": 30.0, "limit": 20}


def said(
    replies: Sequence[Reply], parts: Sequence[Part] = (), **given: Any
) -> tuple[News, SampleLog, list[bytes]]:
    """What an asker's lines say, read as the lines of a Pod's log."""

    left = iter([*replies, *[replies[-1]] * 1000])  # of all threads: each reply is given once

    def opened(_: Mapping[str, Any], tell: Tell) -> Ask:
        def ask() -> Reply:
            for part in parts:
                tell(part)
            return next(left)

        return ask

    out = io.StringIO()
    told_lines.ask(opened, {**GIVEN, **given}, Event(), out)
    lines = out.getvalue().encode().splitlines()
    log = SampleLog()
    news = News(log)
    for line in lines:
        news.take(line)
    return news, log, lines


def test_its_lines_are_read_as_an_agents_are() -> None:
    news, log, _ = said([Reply(Answer.GOOD, by="db-0"), Reply(Answer.WRONG, "answered '2'")])
    assert (len(log), log.good, news.ended) == (20, 1, True)
    assert news.reasons == [("WRONG", "answered '2'")]
    assert [sample.by for sample in log if sample.by] == ["db-0"]
    assert news.cost["planned"] == 20


def test_parts_arrive_once_however_often_the_log_is_read() -> None:
    at = time.monotonic()
    part = Part(at, "pay", Answer.STATUS, 0.25)
    news, log, lines = said([Reply(Answer.GOOD)], [part], limit=2)
    for line in lines:
        news.take(line)
    assert len(log) == 2
    assert len(news.parts) == 2
    assert (news.parts[0].name, news.parts[0].answer, news.parts[0].seconds) == (
        "pay", Answer.STATUS, 0.25)  # fmt: skip
    assert news.parts[0].at == pytest.approx(at, abs=1e-5)


def test_what_cannot_be_asked_is_its_last_word_in_one_line() -> None:
    def opened(_: Mapping[str, Any], _tell: Tell) -> Ask:
        raise Never("the descriptor cannot be read:\nit is empty")

    with pytest.raises(SystemExit) as told:
        told_lines.ask(opened, GIVEN, Event(), io.StringIO())
    assert str(told.value) == "the descriptor cannot be read: it is empty"


def test_every_kind_that_asks_in_a_pod_is_known_inside() -> None:
    """A kind whose helper needs this package names it, and is opened by the same name."""
    for name, kind in KINDS.items():
        verb = catalogue().find(name)
        assert isinstance(verb, Verb)
        assert verb.helpers is server.helpers
        assert verb.undo is not None
        assert callable(kind.opened)


EACH_MOMENT = """
import signal, sys
from resilience.model.samples import Answer
from resilience.probes.inside import told_lines
from resilience.probes.prober.asker import Reply

told_lines.FLUSH = 0.001
told_lines.KINDS = {"x": told_lines.Kind("json", lambda given, tell: lambda: Reply(Answer.GOOD))}
left = 0

def strike(frame, event, arg):
    global left
    if left is None and event == "call" and frame.f_code.co_name == "wait":
        left = moment
    elif left:
        left -= 1
        if not left:
            signal.raise_signal(signal.SIGTERM)

for moment in range(1, 80):
    left = None
    sys.setprofile(strike)
    told_lines.main({"kind": "x", "extra": "x", "rate": 100, "timeout": 1.0, "limit": 1000})
    sys.setprofile(None)
    print("stopped")
"""


def test_a_signal_stops_it_at_whatever_moment_it_comes() -> None:
    """It comes at each call and return of the main thread in turn, from its first wait on."""
    done = subprocess.run([sys.executable, "-c", EACH_MOMENT], capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    assert done.stdout.splitlines().count("stopped") == 79, done.stderr


def test_what_is_secret_in_its_configuration_is_masked_in_its_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Others may read the log of the Pod; a server may repeat what it was sent."""

    def opened(given: Mapping[str, Any], _: Tell) -> Ask:
        return lambda: Reply(Answer.WRONG, f"denied: {given['headers']} {given['password']}")

    MASKS.take("API_TOKEN", "t0p-secret-header")
    MASKS.take("OTHER", "of-another-scenario")
    given = {**GIVEN, "limit": 1, "headers": "t0p-secret-header", "password": "pass-of-db"}
    told = ASKER.told(given, "own:1")
    assert told["masked"] == ["t0p-secret-header"]
    MASKS.clear()  # the Pod begins with none
    monkeypatch.setattr(told_lines, "KINDS", {"redis": Kind("json", opened)})
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    told_lines.main(told)
    MASKS.clear()
    out = capsys.readouterr().out
    assert "denied: *** ***" in out
    assert "secret" not in out


@pytest.mark.parametrize("turns", [0, 2])
def test_one_of_several_ends_as_failed_after_its_last_line(
    turns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Job would never replace a Pod that ended well."""
    kinds = {"redis": Kind("json", lambda *_: lambda: Reply(Answer.GOOD))}
    monkeypatch.setattr(told_lines, "KINDS", kinds)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) if turns else nullcontext() as ended:
        told_lines.main({**GIVEN, "limit": 1, "turns": turns})
    assert ended is None or ended.value.code == REPLACE_ME
    assert "end" in json.loads(capsys.readouterr().out.splitlines()[-1])


def script(tmp_path: Path, **given: Any) -> list[str]:
    """The command of such a Pod, with its files beside each other."""
    told = ASKER.told({**GIVEN, **given}, "python:3.13-slim")
    (tmp_path / "probe.json").write_text(json.dumps({**told, **given}))
    for name, text in ASKER.texts().items():
        (tmp_path / name).write_text(text)
    return [sys.executable, *ASKER.flags, str(tmp_path / ASKER.start),
            str(tmp_path / "probe.json")]  # fmt: skip


def last_word(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


WANTED = f"pytest-resilience[redis]=={__version__}"
EXPECTED = (
    f"expected {WANTED}: build an image with `pip install '{WANTED}'` and name it in `helper_image`"
)


def test_an_image_without_the_package_is_named_with_what_to_do(tmp_path: Path) -> None:
    command = script(tmp_path)
    command[1:2] = ["-I", "-S"]  # as if nothing was installed
    told = last_word(command)
    assert told == (
        f"there is no package resilience in the image python:3.13-slim; {EXPECTED}"
    )  # fmt: skip


def test_an_image_with_another_version_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "probe.json").write_text(json.dumps(ASKER.told(GIVEN, "own:1")))
    monkeypatch.setattr("resilience.__version__", "0.0.9")
    monkeypatch.setattr(sys, "argv", ["asking_pod.py", str(tmp_path / "probe.json")])
    with pytest.raises(SystemExit) as told:
        asking_pod.main()
    assert str(told.value).startswith("pytest-resilience has version 0.0.9 in the image own:1; ")


def test_an_image_without_the_library_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "probe.json").write_text(json.dumps(ASKER.told(GIVEN, "own:1")))
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setattr(sys, "argv", ["asking_pod.py", str(tmp_path / "probe.json")])
    with pytest.raises(SystemExit) as told:
        asking_pod.main()
    assert str(told.value) == f"there is no package redis in the image own:1; {EXPECTED}"


def test_only_an_asker_is_given_the_image_and_more_memory() -> None:
    assert AGENT.told({"kind": "http"}, "python:3") == {"kind": "http"}
    assert ASKER.told(GIVEN, "own:1")["image"] == "own:1"
    assert (ASKER.packaged, AGENT.packaged) == (True, False)
