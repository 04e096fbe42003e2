"""/metrics and /healthz over HTTP, for GET and HEAD. It answers nothing else, changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from resilience.daily.loop import BEAT, Status

TROUBLE = 3
"""Number of consecutive runs that did not work after which the watch is unhealthy."""

SILENT = 12 * BEAT
"""Seconds without a sign of life while nothing runs."""


def healthy(status: Status, now: float) -> str:
    """ "" while the loop works; else why not. A halted watch is healthy, since that is intended."""
    if status.troubled >= TROUBLE:
        return f"{status.troubled} runs in a row did not work"
    if not status.running and now - status.beat > SILENT:
        return f"no sign of life for {now - status.beat:.0f} s"
    return ""


def metrics(status: Status) -> str:
    """The metrics in the text format of Prometheus."""
    return "".join(f"{line}\n" for line in _lines(status))


def _lines(status: Status) -> Iterator[str]:
    name = "resilience_watch_runs_total"
    yield f"# HELP {name} Runs that ended, by file and verdict."
    yield f"# TYPE {name} counter"
    for (file, verdict), count in sorted(status.runs.items()):
        yield f'{name}{{file="{_escaped(file)}",verdict="{verdict}"}} {count}'
    name = "resilience_watch_skipped_total"
    yield f"# HELP {name} Runs that were skipped, by reason."
    yield f"# TYPE {name} counter"
    for reason, count in sorted(status.skipped.items()):
        yield f'{name}{{reason="{reason}"}} {count}'
    name = "resilience_watch_last_run_timestamp_seconds"
    yield f"# HELP {name} When the last run of a file ended."
    yield f"# TYPE {name} gauge"
    for file, moment in sorted(status.last.items()):
        yield f'{name}{{file="{_escaped(file)}"}} {moment:.3f}'
    for name, text, value in (
        ("next_run_timestamp_seconds", "When the next run is planned.", f"{status.next:.3f}"),
        (
            "halted",
            "1 after a failed verdict: no further run starts.",
            str(int(bool(status.halted))),
        ),
        ("running", "1 while a scenario runs.", str(int(bool(status.running)))),
    ):
        yield f"# HELP resilience_watch_{name} {text}"
        yield f"# TYPE resilience_watch_{name} gauge"
        yield f"resilience_watch_{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@contextmanager
def served(
    address: tuple[str, int], status: Status, wall: Callable[[], float], runs: Path | None
) -> Iterator[int]:
    """Answer in a thread of its own; yields the port. `runs` is the metrics file of the runs,
    which is appended. OSError when the address is taken."""

    class Answers(BaseHTTPRequestHandler):
        """One request."""

        timeout = 10
        server_version = "resilience"
        sys_version = ""

        def do_GET(self) -> None:
            if self.path.partition("?")[0] == "/healthz":
                why = healthy(status, wall())
                self._answer(503 if why else 200, f"{why or status.halted or 'ok'}\n")
            elif self.path.partition("?")[0] == "/metrics":
                self._answer(200, metrics(status) + _of_runs(runs))
            else:
                self._answer(404, "/metrics or /healthz\n")

        do_HEAD = do_GET

        def _answer(self, code: int, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing, because probes send a request every few seconds."""

    with ThreadingHTTPServer(address, Answers) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def _of_runs(path: Path | None) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path else ""
    except FileNotFoundError:  # there is no file before the first run
        return ""
