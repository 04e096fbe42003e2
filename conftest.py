"""For the project's own tests: the plugin under test, also from a source tree, pytester, and the
fixtures of a sandbox that is treated as a real cluster."""

from __future__ import annotations

pytest_plugins = ["pytester", "tests.real_cluster"]
