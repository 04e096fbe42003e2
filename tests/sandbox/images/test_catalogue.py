"""Image names, what they hold, and how command and args combine."""

from __future__ import annotations

import pytest

from resilience.sandbox.images import catalogue


@pytest.mark.parametrize(
    ("reference", "full"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.12-slim", "docker.io/library/python:3.12-slim"),
        ("bitnami/python:3", "docker.io/bitnami/python:3"),
        ("localhost:5000/x", "localhost:5000/x:latest"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
        ("Python", None),
        ("a b", None),
        ("", None),
    ],
)
def test_names_are_completed_as_a_runtime_completes_them(reference: str, full: str | None) -> None:
    assert catalogue.canonical(reference) == full


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("python:3.11", "python"),
        ("docker.io/library/python:3", "python"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.53", "agnhost"),
        ("registry.k8s.io/pause:3.10", "pause"),
        ("agnhost:2.53", None),
        ("nginx", "nginx"),
        ("registry.k8s.io/e2e-test-images/nginx:1.14-4", "nginx"),
        ("httpd:2.4", "httpd"),
        ("busybox", "busybox"),
        ("docker.io/library/busybox:1.36", "busybox"),
        ("alpine:3", "busybox"),
        ("ubuntu:24.04", "ubuntu"),
        ("debian:12-slim", "ubuntu"),
        ("postgres:16", None),
    ],
)
def test_only_known_repositories_are_found(reference: str, name: str | None) -> None:
    found = catalogue.find(reference)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ([], [], ["/agnhost", "pause"]),
        ([], ["netexec"], ["/agnhost", "netexec"]),
        (["sleep"], [], ["sleep"]),
        (["sleep"], ["5"], ["sleep", "5"]),
    ],
)
def test_command_and_args_replace_what_the_image_says(
    command: list[str], args: list[str], expected: list[str]
) -> None:
    assert catalogue.argv(catalogue.AGNHOST, command, args) == expected


@pytest.mark.parametrize(
    ("executable", "found"),
    [
        ("python", True),
        ("python3", True),
        ("/usr/local/bin/python3.12", True),
        ("/bin/sh", True),
        ("/opt/python", False),
        ("bash", True),
        ("zsh", False),
    ],
)
def test_programs_are_found_by_name_and_in_bin_directories(executable: str, found: bool) -> None:
    assert catalogue.has_program(catalogue.PYTHON, executable) is found


def test_every_program_of_every_image_can_be_imported() -> None:
    catalogue.preload()
