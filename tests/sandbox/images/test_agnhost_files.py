"""`agnhost mounttest`, `webhook` and `crd-conversion-webhook`: what they say and decide."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from resilience.sandbox.images import net_tools
from resilience.sandbox.images.agnhost import hooks
from resilience.sandbox.images.agnhost.agnhost_main import main
from tests.loopback import serving


class Files(SimpleHTTPRequestHandler):
    """A directory over HTTP, without a log."""

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def test_mounttest_tells_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "data"
    flags = [f"--new_file_0666={file}", f"--file_perm={file}", f"--file_mode={tmp_path}"]
    assert main(["/agnhost", "mounttest", *flags]) == 0
    said = capsys.readouterr().out
    assert f'content of file "{file}": mount-tester new file\n' in said
    assert f'perms of file "{file}": -rw-rw-rw-' in said
    assert f'mode of file "{tmp_path}": d' in said


def test_mounttest_fails_for_what_is_not_there(tmp_path: Path) -> None:
    assert main(["/agnhost", "mounttest", f"--file_content={tmp_path}/none"]) == 1


def test_as_agnhost_2_it_prints_its_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/agnhost-2", "a", "b"]) == 0
    assert capsys.readouterr().out == "[/agnhost-2 a b]\n"


def judged(path: str, obj: Any, operation: str = "CREATE") -> Any:
    request = {"uid": "u", "operation": operation, "name": "x", "object": obj, "oldObject": obj}
    review = {"apiVersion": "admission.k8s.io/v1", "request": request}
    return hooks._admission(hooks._JUDGES[path])(review)["response"]


def test_a_webhook_denies_with_a_reason() -> None:
    answer = judged("/configmaps", {"data": {"webhook-e2e-test": "webhook-disallow"}})
    assert answer["allowed"] is False
    assert answer["status"]["reason"] == "the configmap contains unwanted key and value"


def test_a_webhook_adds_a_label_once() -> None:
    answer = judged("/add-label", {"metadata": {}})
    patch = json.loads(base64.b64decode(answer["patch"]))
    assert patch[0]["value"] == {"added-label": "yes"}
    assert judged("/add-label", {"metadata": {"labels": {"added-label": "yes"}}}) == {
        "uid": "u",
        "allowed": True,
    }


def test_conversion_goes_both_ways() -> None:
    first = {"apiVersion": "stable.example.com/v1", "hostPort": "a:1"}
    second = hooks._converted(first, "stable.example.com/v2")
    assert (second["host"], second["port"]) == ("a", "1")
    assert hooks._converted(second, "stable.example.com/v1") == first


def test_curl_fetches_and_tells_the_status(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page"
    page.write_text("hello\n")
    with serving(partial(Files, directory=str(tmp_path))) as url:
        assert net_tools.curl_(["curl", "-sS", f"{url}/page"]) == 0
        assert net_tools.curl_(["curl", "-f", "-s", f"{url}/none"]) == 22
        quiet = ["-g", "-q", "-s", "-o", "/dev/null", "-w", "%{http_code}"]
        assert net_tools.curl_(["curl", *quiet, "--max-time", "5", f"{url}/none"]) == 0
    assert capfd.readouterr().out.replace("\r", "") == "hello\n404"
    assert net_tools.curl_(["curl", "-s", "http://127.0.0.1:1/"]) == 7


def test_mounttest_in_a_loop_is_content_with_any_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("something else")
    flags = ["--retry_time=1", f"--file_content_in_loop={tmp_path}"]
    assert main(["/agnhost", "mounttest", flags[0], f"{flags[1]}/x"]) == 0
    assert main(["/agnhost", "mounttest", flags[0], f"{flags[1]}/none"]) == 1


def test_nc_sends_a_datagram_and_prints_the_answer(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def answer() -> None:
        text, peer = server.recvfrom(100)
        server.sendto(b"got " + text, peer)

    threading.Thread(target=answer, daemon=True).start()
    monkeypatch.setattr("builtins.open", lambda *_, **__: io.BytesIO(b"hostName\n"))
    port = str(server.getsockname()[1])
    assert net_tools.nc_(["nc", "-w", "1", "-u", "127.0.0.1", port]) == 0
    server.close()
    assert capfd.readouterr().out == "got hostName\n"
    assert net_tools.nc_(["nc", "-w", "1", "-u", "127.0.0.1", port]) == 1
