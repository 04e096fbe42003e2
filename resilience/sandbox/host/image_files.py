"""Files of images, as DIRECTORY/IMAGE/PATH; created new with each sandbox."""

from __future__ import annotations

from pathlib import Path

from resilience.sandbox.host import pki

_PAGES = {
    "nginx/usr/share/nginx/html/index.html": "Welcome to nginx!",
    "nginx/usr/share/nginx/html/50x.html": "An error occurred.",
    "httpd/usr/local/apache2/htdocs/index.html": "It works!",
}


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
    for path, title in _PAGES.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(f"<html><body><h1>{title}</h1></body></html>\n")
