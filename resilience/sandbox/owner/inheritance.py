"""What the owner passes to the reaper: one JSON line on stdin, and inherited descriptors.

The reaper is a separate interpreter (its environment carries the sandbox's marker from the first
instruction on, and every process below it inherits that), so this cannot go over `fork`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.host.sandbox_config import Identity, SandboxConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """`lock` and `listener` are descriptors open in both processes under the same number."""

    config: SandboxConfig
    lock: int
    listener: int

    def dump(self) -> str:
        """As one JSON line."""
        config = {
            name: getattr(self.config, name)
            for name in ("id", "slot", "nodes", "time_scale", "clock_ahead", "started")
        }
        config["directory"] = str(self.config.directory)
        config["tokens"] = {
            token: [identity.user, list(identity.groups)]
            for token, identity in self.config.tokens.items()
        }
        config["images"] = [own.dump() for own in self.config.images]
        return json.dumps({"config": config, "lock": self.lock, "listener": self.listener}) + "\n"

    @classmethod
    def load(cls, line: str) -> Inheritance:
        """The inverse of `dump`."""
        data: dict[str, Any] = json.loads(line)
        config = data["config"]
        config["directory"] = Path(config["directory"])
        config["tokens"] = {
            token: Identity(user, tuple(groups))
            for token, (user, groups) in config["tokens"].items()
        }
        config["images"] = tuple(OwnImage.load(own) for own in config["images"])
        return cls(**{**data, "config": SandboxConfig(**config)})
