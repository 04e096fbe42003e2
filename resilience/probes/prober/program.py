"""What a prober's Pod runs: the agent, which any Python image can run, or an asker, which needs an
image with this package and the library of its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience import __version__
from resilience.cluster.helper_pods import CPU_LIMIT
from resilience.model.masks import MASKS

MOUNTED = "/probe"
"""Where the Pod finds its configuration."""

PROGRAM = "/program"
"""Where it finds its program."""

CONFIGURATION = "probe.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`folder` of this room is copied as text, and `start` in it is executed; `flags` are the
    interpreter's. `packaged`: the image has to hold this package."""

    folder: str
    start: str
    flags: tuple[str, ...]
    cpu: str
    memory: str
    cpu_limit: str = CPU_LIMIT
    packaged: bool = False

    @property
    def command(self) -> list[str]:
        """The container's command."""
        started = f"{PROGRAM}/{self._place(self.start)}"
        return ["python", *self.flags, started, f"{MOUNTED}/{CONFIGURATION}"]

    def texts(self) -> dict[str, str]:
        """File name to content."""
        if self.packaged:
            return {self.start: (self._source / self.start).read_text("utf-8")}
        return {each.name: each.read_text("utf-8") for each in sorted(self._source.glob("*.py"))}

    def places(self) -> list[dict[str, str]]:
        """Where each of these files is below PROGRAM, as a volume says it."""
        return [{"key": name, "path": self._place(name)} for name in self.texts()]

    @property
    def _source(self) -> Path:
        return Path(__file__).parents[1] / self.folder

    def _place(self, name: str) -> str:
        """As in the package, since its files import each other."""
        return f"resilience/probes/{self.folder}/{name}"

    def told(self, configuration: Mapping[str, Any], image: str) -> dict[str, Any]:
        """The configuration as this program reads it; `masked` are the secrets in it, which must
        not appear in the Pod's log."""
        written = json.dumps(configuration)
        if not self.packaged:
            forms = MASKS.held_in(written, forms=True)
            return {**configuration, **({"masked": forms} if forms else {})}
        secret = MASKS.held_in(written)
        return {**configuration, "image": image, "version": __version__, "masked": secret}


AGENT = Program(
    folder="agent", start="start.py", flags=("-I", "-S"), cpu="50m", memory="64Mi",
)  # fmt: skip
ASKER = Program(
    folder="inside", start="asking_pod.py", flags=("-I",), cpu="250m", memory="256Mi",
    cpu_limit="1", packaged=True,
)  # fmt: skip
"""More of both: it imports a client library, and asks from several threads. A whole CPU is all that
one Python process can use."""
