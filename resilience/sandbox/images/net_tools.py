"""Network clients: curl, wget, nslookup, nc. They see the Pod's network and names."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.images.text.command_line import options

_WGET_VALUES = ("post-data", "timeout", "tries", "header", "output-document", "user-agent")


def wget_(argv: list[str]) -> int:
    """Fetch a page to a file, or with `-O -` to stdout: -q -S -T SECONDS -U AGENT --header
    --spider --post-data."""
    given, words, long = {}, [], {}
    headers: list[str] = []
    ahead = iter(argv[1:])
    for word in ahead:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            long[name] = value if equals or name not in _WGET_VALUES else next(ahead, "")
            headers += [long[name]] if name == "header" else []
        elif word.startswith("-") and word != "-":
            short, _ = options(["", word], "OTtPU")
            for letter, value in short.items():
                takes = letter in "OTtPU" and not value
                given[letter] = next(ahead, "") if takes else value
        else:
            words.append(word)
    if not words:
        print("wget: missing URL", file=sys.stderr)
        return 1
    url = words[0] if "://" in words[0] else f"http://{words[0]}"
    wait = float(given.get("T") or long.get("timeout") or 900)
    data = long["post-data"].encode() if "post-data" in long else None
    agent = given.get("U") or long.get("user-agent") or "Wget"
    told = "S" in given or "server-response" in long
    try:
        request = urllib.request.Request(url, data, _named(headers, {"User-Agent": agent}))
        with urllib.request.urlopen(request, timeout=wait) as answer:
            body = answer.read()
            _tell(answer.status, answer.reason, answer.headers, told)
    except urllib.error.HTTPError as error:
        _tell(error.code, error.reason, error.headers, told)
        print(f"wget: server returned error: HTTP/1.1 {error.code} {error.reason}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        return _failed(url, error)
    path = given.get("O") or long.get("output-document") or ""
    return 0 if "spider" in long else _keep(body, path, url)


def _named(headers: Sequence[str], others: Mapping[str, str]) -> dict[str, str]:
    """`Name: value` lines as headers, beside others."""
    named = {name.strip(): value.strip() for name, _, value in (h.partition(":") for h in headers)}
    return {**others, **named}


def _tell(status: int, reason: str, headers: Any, told: bool) -> None:
    """The response's head on stderr, as BusyBox writes it."""
    if not told:
        return
    print(f"  HTTP/1.1 {status} {reason}", file=sys.stderr)
    for name, value in headers.items():
        print(f"  {name}: {value}", file=sys.stderr)
    sys.stderr.flush()


def _failed(url: str, error: Exception) -> int:
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.gaierror):
        host = url.split("/")[2]
        print(f"wget: bad address '{host}'", file=sys.stderr)
    elif isinstance(reason, TimeoutError):
        print("wget: download timed out", file=sys.stderr)
    else:
        host = url.split("/")[2] if "://" in url else url
        why = getattr(reason, "strerror", None) or reason
        print(f"wget: can't connect to remote host ({host}): {why}", file=sys.stderr)
    return 1


def _keep(body: bytes, path: str, url: str) -> int:
    if path == "-":
        sys.stdout.flush()
        os.write(1, body)
        return 0
    name = path or os.path.basename(url.partition("://")[2].partition("?")[0].rstrip("/"))
    place = name if path or ("." in name and "/" in url.partition("://")[2]) else "index.html"
    try:
        with open(place, "wb") as file:
            file.write(body)
    except OSError as error:
        print(f"wget: can't open '{place}': {error.strerror}", file=sys.stderr)
        return 1
    return 0


def nslookup_(argv: list[str]) -> int:
    """Print the addresses of a name, as the cluster's DNS has them."""
    names = [word for word in argv[1:] if not word.startswith("-")]
    if not names:
        print("Usage: nslookup NAME [SERVER]", file=sys.stderr)
        return 1
    print("Server:\t\tcluster DNS\n")
    try:
        found = socket.getaddrinfo(names[0], None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        print(f"** server can't find {names[0]}: NXDOMAIN", file=sys.stderr)
        return 1
    for entry in found:
        print(f"Name:\t{names[0]}\nAddress: {entry[4][0]}")
    return 0


def nc_(argv: list[str]) -> int:
    """Connect to HOST PORT: stdin is sent, answers are printed; -z only tries."""
    given, words = options(argv, "wpi")
    if "l" in given or len(words) < 2:
        print("nc: only `nc [-u] [-z] [-v] [-w SECONDS] HOST PORT` is understood", file=sys.stderr)
        return 1
    wait = float(given["w"]) if given.get("w") else None
    try:
        if "u" in given:
            return _datagrams((words[0], int(words[1])), wait)
        with socket.create_connection((words[0], int(words[1])), wait) as connection:
            if "v" in given:
                print(f"{words[0]} ({words[0]}:{words[1]}) open", file=sys.stderr)
            return 0 if "z" in given else _exchange(connection)
    except (OSError, ValueError) as error:
        print(f"nc: {words[0]} ({words[0]}:{words[1]}): {error}", file=sys.stderr)
        return 1


def _datagrams(target: tuple[str, int], wait: float | None) -> int:
    """Stdin is sent as one datagram; answers are printed until `wait` is over."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect(target)
        connection.send(open(0, "rb", closefd=False).read())  # noqa: SIM115
        connection.settimeout(wait)
        sys.stdout.flush()
        try:
            while piece := connection.recv(1 << 16):
                os.write(1, piece)
        except TimeoutError:
            pass  # no further answer: the usual end
    return 0


def _exchange(connection: socket.socket) -> int:
    connection.sendall(open(0, "rb", closefd=False).read())  # noqa: SIM115
    connection.shutdown(socket.SHUT_WR)
    sys.stdout.flush()
    while piece := connection.recv(1 << 16):
        os.write(1, piece)
    return 0


_WITH_VALUE = {
    "-o": "output", "-w": "write-out", "-X": "request", "-d": "data", "-H": "header",
    "-m": "max-time", "-A": "user-agent", "-u": "user",
}  # fmt: skip
_LONG_WITH_VALUE = {*_WITH_VALUE.values(), "connect-timeout", "retry", "cacert", "interface",
                    "data-binary", "resolve", "retry-delay"}  # fmt: skip


def curl_(argv: list[str]) -> int:
    """Fetch URLs to stdout: -s -S -f -k -g -L -i -I -o -w -X -d -H -m and their long names."""
    given, headers, urls = _curl_options(argv[1:])
    code = 0
    for url in urls:
        code = _curl(url if "://" in url else f"http://{url}", given, headers)
    if not urls:
        print("curl: no URL specified", file=sys.stderr)
        return 2
    return code


def _curl_options(words: list[str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    given: dict[str, str] = {}
    headers: dict[str, str] = {}
    urls: list[str] = []
    ahead = iter(words)
    for word in ahead:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if name in _LONG_WITH_VALUE and not equals:
                value = next(ahead, "")
            _note(name, value, given, headers)
        elif word.startswith("-") and len(word) > 1:
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                long = _WITH_VALUE.get(f"-{letter}")
                if long:
                    _note(long, letters or next(ahead, ""), given, headers)
                    break
                given[letter] = ""
        else:
            urls.append(word)
    return given, headers, urls


def _note(name: str, value: str, given: dict[str, str], headers: dict[str, str]) -> None:
    if name == "header":
        key, _, text = value.partition(":")
        headers[key.strip()] = text.strip()
    else:
        given[{"silent": "s", "fail": "f", "insecure": "k", "head": "I", "include": "i"}.get(
            name, name
        )] = value  # fmt: skip


def _curl(url: str, given: dict[str, str], headers: dict[str, str]) -> int:
    import ssl

    data = given.get("data", given.get("data-binary"))
    method = given.get("request") or ("HEAD" if "I" in given else "POST" if data else "GET")
    context = ssl.create_default_context()
    if "k" in given:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    wait = given.get("max-time") or given.get("connect-timeout")
    try:
        request = urllib.request.Request(
            url, None if data is None else data.encode(), headers, method=method
        )
        answer = urllib.request.urlopen(
            request, timeout=float(wait) if wait else None, context=context
        )
    except urllib.error.HTTPError as error:
        answer = error
    except (OSError, ValueError) as error:
        return _curl_failed(url, error, given)
    with answer:
        body = answer.read()
    return _curl_shown(answer, body, given)


def _curl_shown(answer: Any, body: bytes, given: dict[str, str]) -> int:
    if "f" in given and answer.status >= 400:
        print(f"curl: (22) The requested URL returned error: {answer.status}", file=sys.stderr)
        return 22
    head = b""
    if "i" in given or "I" in given:
        lines = "".join(f"{key}: {value}\r\n" for key, value in answer.headers.items())
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n{lines}\r\n".encode()
    sys.stdout.flush()
    path = given.get("output")
    if path:
        with open(path, "wb") as file:
            file.write(head + body)
    else:
        os.write(1, head + body)
    if "write-out" in given:
        text = given["write-out"].replace("%{http_code}", str(answer.status))
        sys.stdout.write(text.replace("\\n", "\n"))
    return 0


def _curl_failed(url: str, error: Exception, given: dict[str, str]) -> int:
    reason = getattr(error, "reason", error)
    host = url.partition("://")[2].partition("/")[0]
    code, why = 7, f"Failed to connect to {host}: {getattr(reason, 'strerror', reason)}"
    if isinstance(reason, socket.gaierror):
        code, why = 6, f"Could not resolve host: {host}"
    elif isinstance(reason, TimeoutError):
        code, why = 28, "Operation timed out"
    if "s" not in given or "S" in given:
        print(f"curl: ({code}) {why}", file=sys.stderr)
    if "write-out" in given:
        sys.stdout.write(given["write-out"].replace("%{http_code}", "000"))
    return code
