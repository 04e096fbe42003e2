"""The fixtures of the folder above."""

from tests.harness.conftest import _alone, cluster, embedded, on_sandbox, run

__all__ = ["_alone", "cluster", "embedded", "on_sandbox", "run"]
