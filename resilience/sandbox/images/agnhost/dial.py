"""`netexec /dial`: query another server over HTTP or UDP, a given number of times."""

from __future__ import annotations

import http.client
import json
import socket

from resilience.sandbox.images.agnhost.golang import Answer, HttpRequest

TIMEOUT = 5.0


def answer(request: HttpRequest) -> Answer:
    """`host`, `port`, `request`, `protocol` (http, udp), `tries`: as the real `/dial`."""
    form = request.form
    wanted, protocol = form.get("request", ""), form.get("protocol", "http").lower() or "http"
    try:
        tries, port = int(form.get("tries") or 1), int(form.get("port") or 0)
    except ValueError as error:
        return Answer(f"tries parameter is invalid. {error}\n", 400)
    if not wanted:
        return Answer("request parameter not specified. <nil>\n", 400)
    if protocol not in ("http", "udp"):
        return Answer(f"unsupported protocol. {protocol}\n", 400)
    ask = _ask_http if protocol == "http" else _ask_udp
    responses: list[str] = []
    errors: list[str] = []
    for _ in range(tries):
        try:
            responses.append(ask(form.get("host", ""), port, wanted))
        except OSError as error:
            errors.append(str(error))
    found = {"responses": responses, "errors": errors}
    return Answer(json.dumps({key: value for key, value in found.items() if value}))


def _ask_http(host: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def _ask_udp(host: str, port: int, text: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(TIMEOUT)
        asking.connect((host, port))
        asking.send(text.encode())
        return asking.recv(2048).decode(errors="replace")
