"""Files of images, as DIRECTORY/IMAGE/PATH; created new with each sandbox."""

from __future__ import annotations

from pathlib import Path

from resilience.sandbox.host import pki


def write(directory: Path) -> None:
    """Create them all."""
    agnhost = directory / "agnhost"
    agnhost.mkdir(parents=True)
    pki.write_self_signed(
        agnhost / "localhost.crt", agnhost / "localhost.key", ["localhost", "example.com"]
    )
    nautilus = directory / "nautilus"
    nautilus.mkdir()
    (nautilus / "data.json").write_text('{ "image": "nautilus.jpg" }\n')
