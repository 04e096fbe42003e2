"""Reasons against a run: a closed window, a pause, an incident.

Each is looked up before each run. A source that does not answer counts as a reason as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, Cluster
from resilience.cluster.permit.consent_keys import PAUSED
from resilience.config.targets import Gate
from resilience.config.windows import Windows
from resilience.daily.loop import Halt
from resilience.engine.guard import gate
from resilience.kube import objects
from resilience.verbs.context import Refused


class FailedFile:
    """The last failed verdict in a file, so that a restart does not forget it; beside it
    `watch-last`, whose time is that of the last run's beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = path.with_name("watch-last")
        self._unwritten = ""

    def why(self) -> str:
        """The verdict and how to continue; "" once the file is deleted."""
        try:
            said = self._path.read_text(encoding="utf-8", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return self._unwritten
        except OSError as error:
            return f"{self._path} cannot be read ({error.strerror}), so a run may have failed"
        said = said or "a run failed"
        return f"{said}; to continue: rm {self._path}"

    def keep(self, text: str) -> None:
        """If it cannot be written, it is kept until the process ends."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            self._unwritten = (
                f"{text} ({self._path}: {error.strerror}); to continue: start it again"
            )

    def began(self, now: float) -> float | None:
        """Returns `now` for a time in the future, and for an unreadable file."""
        try:
            return min(now, self._last.stat().st_mtime)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return now

    def begins(self, now: float) -> None:
        """If it cannot be written, the first run after a restart starts at once."""
        with suppress(OSError):
            self._last.parent.mkdir(parents=True, exist_ok=True)
            self._last.touch()
            os.utime(self._last, (now, now))


def by_windows(windows: Windows, wall: Callable[[], float]) -> Halt:
    """Outside of the windows, or in a blackout."""
    return lambda: ("window", windows.closed(datetime.fromtimestamp(wall(), UTC)))


def by_configmap(cluster: Cluster, namespace: str, name: str) -> Halt:
    """A ConfigMap with `paused` in its data, any value but `false`; without it nothing pauses."""

    def asked() -> tuple[str, str]:
        try:
            data = cluster.get(CONFIGMAPS, name, namespace).get("data") or {}
        except NotFound:
            return "", ""
        except ClusterError as error:
            return "pause", f"ConfigMap {namespace}/{name} cannot be read: {error}"
        value = str(data.get("paused", "false"))
        paused = value.strip().lower() not in ("false", "")
        return "pause", f"ConfigMap {namespace}/{name} says paused={value}" if paused else ""

    return asked


def by_annotation(cluster: Cluster, namespace: str) -> Halt:
    """The annotation that pauses every run in a namespace, on the watcher's own."""

    def asked() -> tuple[str, str]:
        try:
            value = objects.annotation(cluster.get(NAMESPACES, namespace), PAUSED)
        except NotFound:
            return "", ""
        except ClusterError as error:
            return "pause", f"namespace {namespace} cannot be read: {error}"
        paused = value not in ("", "false")
        return "pause", f"namespace {namespace} is paused ({PAUSED}={value})" if paused else ""

    return asked


def by_incident(asks: Gate, fetch: gate.Fetch = gate.fetch) -> Halt:
    """Alerts that are active now, at an Alertmanager or by a query."""

    def asked() -> tuple[str, str]:
        try:
            gate.require(asks, fetch)
        except Refused as error:
            return "incident", str(error)
        return "", ""

    return asked
