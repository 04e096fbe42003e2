"""The drain engine: empties nodes as fast as their budgets allow, and never faster.

A self-contained library: no pytest, no YAML. It reads and watches the PodDisruptionBudgets, evicts
as soon as `disruptionsAllowed` permits, over all Pods of all nodes at once, and waits on watches.
It only evicts: it never deletes a Pod past a budget, and it does not cordon (the caller does, with
an undo in its journal).
"""

from __future__ import annotations

from resilience.drain.engine import DrainOptions, drain
from resilience.drain.filters import Allow
from resilience.drain.outcome import DrainResult, PodDrain, State

__all__ = ["Allow", "DrainOptions", "DrainResult", "PodDrain", "State", "drain"]
