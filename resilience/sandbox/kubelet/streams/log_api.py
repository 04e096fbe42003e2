"""`GET .../log`: what `kubectl logs` shows, with -f, --previous, --tail, --since, --timestamps."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.base.container_logs import LogFile
from resilience.sandbox.kubelet.base.httpd import KubeletRequest
from resilience.sandbox.kubelet.base.log_reading import LogOptions, content, read
from resilience.sandbox.kubelet.pod.container import Container


async def serve(container: Container, request: KubeletRequest) -> None:
    """Answer one request for logs; ApiError 400 when there is no such instance."""
    previous = request.flag("previous")
    path = _path(container, previous=previous)
    wanted = _wanted(request)
    request.begin("text/plain")
    for piece in read(path, wanted):
        await request.send(piece)
    log = container.log
    if request.flag("follow") and not previous and log is not None and not log.closed:
        await _follow(log, path, wanted, request)
    request.end()


def _path(container: Container, *, previous: bool) -> Path:
    name, pod = container.state.name, container.pod.name
    number = container.number
    if previous:
        if number < 1:
            raise ApiError(
                400,
                "BadRequest",
                f'previous terminated container "{name}" in pod "{pod}" not found',
            )
        return container.log_path(number - 1)
    if number < 0:
        reason = container.state.state.get("waiting", {}).get("reason", "ContainerCreating")
        raise ApiError(
            400,
            "BadRequest",
            f'container "{name}" in pod "{pod}" is waiting to start: {reason}',
        )
    return container.log_path(number)


def _wanted(request: KubeletRequest) -> LogOptions:
    since = request.first("sinceTime").removesuffix("Z")
    seconds = _number(request, "sinceSeconds")
    if seconds is not None:
        moment = datetime.now(UTC) - timedelta(seconds=seconds)
        since = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return LogOptions(
        tail=_number(request, "tailLines"),
        since=since,
        limit=_number(request, "limitBytes"),
        timestamps=request.flag("timestamps"),
    )


def _number(request: KubeletRequest, name: str) -> int | None:
    text = request.first(name)
    if not text:
        return None
    if not text.isdigit():
        raise ApiError(400, "BadRequest", f"{name}: {text!r} is not a whole number")
    return int(text)


async def _follow(log: LogFile, path: Path, wanted: LogOptions, request: KubeletRequest) -> None:
    """Send appended lines until the instance ends or the reader disconnects."""
    news = asyncio.Event()
    log.on_write.append(news.set)
    gone = asyncio.ensure_future(request.reader.read())
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            while not (log.closed or gone.done()):
                told = asyncio.ensure_future(news.wait())
                await asyncio.wait({told, gone}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                news.clear()
                for line in file:
                    await request.send(content(line, timestamps=wanted.timestamps))
    finally:
        gone.cancel()
        log.on_write.remove(news.set)
