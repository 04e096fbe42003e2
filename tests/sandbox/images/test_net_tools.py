"""wget against a server: what it sends, what it keeps, what it prints."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.sandbox.images import net_tools


class Server(http.server.BaseHTTPRequestHandler):
    """Answers with the headers that it was sent; 404 below /none."""

    def do_GET(self) -> None:
        body = f"{self.headers['X-One']} {self.headers['User-Agent']}".encode()
        self.send_response(404 if self.path.startswith("/none") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("words", "path", "code", "told"),
    [
        (["-q", "-S", "-O", "got"], "", 0, "  HTTP/1.1 200 OK\n"),
        (["--server-response", "-qO", "got"], "/none", 1, "  HTTP/1.1 404 Not Found\n"),
        (["-qO", "got"], "", 0, ""),
    ],
)
def test_wget_tells_the_head_where_it_is_asked_to(
    words: list[str], path: str, code: int, told: str, url: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert net_tools.wget_(["wget", *words, url + path]) == code
    err = capsys.readouterr().err
    assert err.startswith(told)
    assert ("  Content-Length: " in err) == bool(told)


def test_wget_sends_the_headers_that_it_is_given(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--header", "X-One: 1", "--header=Y: 2", "-U", "me"]
    assert net_tools.wget_(["wget", "-q", *words, url]) == 0
    assert (tmp_path / "index.html").read_text() == "1 me"
    assert net_tools.wget_(["wget", "-q", f"{url}/page.txt"]) == 0
    assert (tmp_path / "page.txt").read_text() == "None Wget"


def test_wget_says_where_it_cannot_write(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert net_tools.wget_(["wget", "-q", "-O", "/nowhere/x", url]) == 1
    assert capsys.readouterr().err == "wget: can't open '/nowhere/x': No such file or directory\n"
