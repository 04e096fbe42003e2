"""For the project's own tests: the plugin under test, also from a source tree, and pytester."""

from __future__ import annotations

pytest_plugins = ["pytester"]
