"""A user's own command as driver: `driver = ["./power.sh", "staging"]`.

It is called with `down`, `up` or `reboot` and the node's name appended. It must return once the
operation has started, and must be idempotent. Only the Node object shows whether the machine
changed its state.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience.cluster.capabilities.machine_driver import NodeIdentity, Order, Power
from resilience.machines import processes


@dataclass(frozen=True, slots=True)
class Command:
    """The program and its arguments, before the operation. `context` is given to it as
    RESILIENCE_CONTEXT."""

    words: tuple[str, ...]
    context: str

    @property
    def title(self) -> str:
        return f"`{' '.join(self.words)}`"

    def rehearse(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """A command cannot report this."""
        return ""

    def send(self, order: Order, node: NodeIdentity, seconds: float) -> str:
        """Run it."""
        env = {"RESILIENCE_CONTEXT": self.context}
        processes.must([*self.words, order, node.name], seconds, env=env)
        return node.name

    def power(self, node: NodeIdentity, seconds: float) -> Power | None:
        """A command cannot report this."""
        return None
