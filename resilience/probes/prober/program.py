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
"""Where the Pod finds its files."""

CONFIGURATION = "probe.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`files` are in `folder` of this room and are copied as text; `flags` are the interpreter's.
    `packaged`: the image has to hold this package."""

    folder: str
    files: tuple[str, ...]
    flags: tuple[str, ...]
    cpu: str
    memory: str
    cpu_limit: str = CPU_LIMIT
    packaged: bool = False

    @property
    def command(self) -> list[str]:
        """The container's command."""
        return ["python", *self.flags, f"{MOUNTED}/{self.files[0]}", f"{MOUNTED}/{CONFIGURATION}"]

    def texts(self) -> dict[str, str]:
        """File name to content."""
        folder = Path(__file__).parents[1] / self.folder
        return {name: (folder / name).read_text("utf-8") for name in self.files}

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
    folder="prober", files=("agent.py", "dns_lookup.py"), flags=("-I", "-S"), cpu="50m",
    memory="64Mi",
)  # fmt: skip
ASKER = Program(
    folder="inside", files=("asking_pod.py",), flags=("-I",), cpu="250m", memory="256Mi",
    cpu_limit="1", packaged=True,
)  # fmt: skip
"""More of both: it imports a client library, and asks from several threads. A whole CPU is all that
one Python process can use."""
