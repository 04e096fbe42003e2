"""The answer to /version."""

from __future__ import annotations

from resilience.sandbox.host.sandbox_config import KUBERNETES_VERSION


def version_info() -> dict[str, str]:
    """version.Info of the release whose rules the sandbox follows; the build field says that it
    is an emulator."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "gitVersion": f"{KUBERNETES_VERSION}+sandbox",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }
