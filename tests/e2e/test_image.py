"""The image: its pinned packages fit pyproject.toml, it runs as nobody, and what is removed from it
is not needed."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = {
    "requirements.lock": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["age"],
    ],
    "build.lock": PROJECT["dependency-groups"]["image"],
}
LOCKS = sorted(WANTED)
EXEC = """\
apiVersion: v1
kind: Config
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}]
users:
  - name: a
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        interactiveMode: Never
        command: sh
        args:
          - -c
          - >-
            echo '{"apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential", "status": {"token": "t"}}'
"""
REFUSING = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        assert not any(name.startswith(each) for each in {names!r}), name

sys.meta_path.insert(0, Refuses())
from resilience.cluster.access.access import load
print(load("a", {kubeconfig!r}).authorization())
"""


def pins(name: str) -> dict[str, tuple[str, list[str], int]]:
    """Version, what wants it, and the number of hashes, by package."""
    found: dict[str, tuple[str, list[str], int]] = {}
    for block in re.split(r"(?m)^(?=\S)", (DEPLOY / name).read_text()):
        if match := re.match(r"([\w.-]+)==([^\s;]+)", block):
            wanting = re.findall(r"#\s+(?:via\s+)?([\w.-]+)", block)
            hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}", block))
            found[canonicalize_name(match[1])] = match[2], wanting, hashes
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_pinned_is_what_pyproject_allows(name: str) -> None:
    """`make lock` writes both files anew."""
    pinned = pins(name)
    for text in WANTED[name]:
        wanted = Requirement(text)
        version, _, _ = pinned[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(Version(version)), f"{text}: pinned to {version}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_pinned_package_has_its_hashes_and_somebody_who_wants_it(name: str) -> None:
    pinned = pins(name)
    direct = {canonicalize_name(Requirement(text).name) for text in WANTED[name]}
    assert direct <= set(pinned)
    for package, (version, wanting, hashes) in pinned.items():
        assert hashes, f"{package}=={version}"
        known = {canonicalize_name(each) for each in wanting}
        assert package in direct or known & set(pinned), f"nobody wants {package}"


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_registry(name: str) -> None:
    assert "://" not in (DEPLOY / name).read_text()


def test_every_package_of_the_image_is_installed_by_its_hash() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip [^&|\n]*\binstall\b[^&|\n]*", text)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_the_base_is_an_argument_and_the_image_ends_as_nobody() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"(?m)^FROM (\S+)", text) == ["${BASE}", "${BASE}"]
    assert re.findall(r"(?m)^USER (\S+)", text) == ["65532:65532"]


def test_the_bill_of_materials_is_made_in_the_image_as_by_make() -> None:
    words = runpy.run_path(str(DEPLOY / "sbom.py"))["words"]("PYTHON", "OUT")
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    made = " ".join(words).replace("PYTHON", "/opt/resilience/bin/python")
    assert made.replace("OUT", "/opt/resilience/sbom.cdx.json") in " ".join(text.split())


def test_the_build_sees_every_file_that_it_copies() -> None:
    shown = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text())
    for source in " ".join(copied).split():
        assert source.removeprefix("./") in shown, source
        assert (ROOT / source).exists()


def slim() -> dict[str, Any]:
    return runpy.run_path(str(DEPLOY / "slim.py"))


def test_only_what_is_never_loaded_is_removed(tmp_path: Path) -> None:
    kept, gone = ("kubernetes/client", "botocore/data/s3"), ("kubernetes/aio", "botocore/data/a4b")
    for name in (*kept, *gone):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "botocore/data/endpoints.json").write_text("{}")
    assert {str(path.relative_to(tmp_path)) for path in slim()["unneeded"](tmp_path)} == set(gone)


def test_what_is_compiled_stays_valid_whatever_time_its_source_gets(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("VALUE = 7\n")
    (tmp_path / "template.py").write_text("{{ no python }}\n")
    slim()["compiled"](tmp_path)
    (made,) = (tmp_path / "__pycache__").iterdir()
    assert made.read_bytes()[4:8] == b"\1\0\0\0", "PEP 552: a hash, not checked"
    os.utime(source, (0, 0))
    program = "import sys, module; print(module.VALUE, sys.modules['module'].__cached__)"
    done = subprocess.run(
        [sys.executable, "-v", "-c", program], cwd=tmp_path, text=True, capture_output=True,
        timeout=120, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.stdout.startswith("7 "), done.stderr
    assert f"code object from '{made}'" in done.stderr


def test_nothing_is_compiled_with_the_time_of_its_build() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"--python /opt/resilience/bin/python install\b[^&|\n]*", text)
    assert len(installs) == 2
    assert all("--no-compile" in each for each in installs)
    assert text.index("SOURCE_DATE_EPOCH=") < text.index("/bin/pip ")


def test_credentials_of_a_kubeconfig_need_nothing_that_is_removed(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(EXEC)
    names = [each.replace("/", ".") for each in slim()["NEVER"]]
    done = subprocess.run(
        [sys.executable, "-c", REFUSING.format(names=names, kubeconfig=str(kubeconfig))],
        cwd=ROOT, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "Bearer t", done.stderr


def test_every_service_of_aws_that_is_used_stays() -> None:
    """boto3 loads a service's description by the name that a client is made with."""
    used: set[str] = set()
    for path in (ROOT / "resilience").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "boto3" in text:
            used |= set(re.findall(r"client\(\s*\"([a-z0-9-]+)\"", text))
    assert used == {"ec2", "s3", "sts"}
    assert used <= set(slim()["SERVICES"])
