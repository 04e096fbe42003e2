"""The document roots of the images that serve pages: files of their own, which a container may
change, and which a volume hides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.running import Pods, sandbox


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with sandbox("--nodes=1") as running:
        yield Pods(running, "default")


def asked(pods: Pods, pod: str, path: str) -> str:
    """Status and length of the answer that the Pod gives itself."""
    line = f"curl -s -o /tmp/got -w '%{{http_code}} ' http://127.0.0.1{path}; wc -c < /tmp/got"
    return pods.kubectl("exec", pod, "--", "sh", "-c", line).strip()


@pytest.mark.parametrize(
    ("image", "root", "page"),
    [
        ("nginx:1.27", "/usr/share/nginx/html", "Welcome to nginx!"),
        ("httpd:2.4", "/usr/local/apache2/htdocs", "It works!"),
    ],
)
def test_a_file_that_is_written_into_the_root_is_served(
    pods: Pods, image: str, root: str, page: str
) -> None:
    name = image.partition(":")[0]
    ready = {"httpGet": {"port": 80}, "periodSeconds": 1}
    pods.run(name, main={"image": image, "command": [], "args": [], "readinessProbe": ready})
    pods.until_ready(name)
    assert page in pods.kubectl("exec", name, "--", "cat", f"{root}/index.html")
    pods.kubectl("exec", name, "--", "dd", "if=/dev/zero", f"of={root}/foo.dat", "bs=1000",
                 "count=7")  # fmt: skip
    assert asked(pods, name, "/foo.dat") == "200 7000"
    assert asked(pods, name, "/foo").startswith("404 ")
    pods.kubectl("exec", name, "--", "rm", f"{root}/index.html")
    assert asked(pods, name, "/").startswith("403 ")


def test_a_volume_over_the_root_hides_the_images_page(pods: Pods) -> None:
    mount = {"name": "pages", "mountPath": "/usr/share/nginx/html"}
    pods.run(
        "own",
        main={"image": "nginx", "command": [], "args": [], "volumeMounts": [mount]},
        volumes=[{"name": "pages", "emptyDir": {}}],
    )
    pods.until_ready("own")
    assert pods.kubectl("exec", "own", "--", "ls", "/usr/share/nginx/html") == ""
    assert asked(pods, "own", "/").startswith("403 ")
