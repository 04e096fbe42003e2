"""The user's own images: how the table is read, what matches, and which line runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.sandbox.host.own_image import OwnImage
from resilience.sandbox.host.sandbox_error import SandboxError
from resilience.sandbox.images import catalogue, own_images, stand_ins
from resilience.sandbox.images.stand_ins import NotMounted


def read(folder: Path, text: str, name: str = "resilience.toml") -> tuple[OwnImage, ...]:
    path = folder / name
    path.write_text(text)
    return own_images.read([path])


def test_each_form_says_what_runs(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "shop").write_text("#!/bin/sh\n")
    (tmp_path / "app" / "shop").chmod(0o755)
    found = read(
        tmp_path,
        "[sandbox.images]\n"
        'a = {run = ["python", "-m", "shop"]}\n'
        'b = {run = ["./shop", "-v"], workdir = "app"}\n'
        'c = {python = ["x.py"], env = {A = "1"}}\n'
        'd = {agnhost = ["netexec"], commands = {ping = ["true"]}}\n'
        'e = {image = "nginx", ignore_command = true, user = "1000"}\n',
    )
    assert [(own.pattern, own.base, own.line) for own in found] == [
        ("a", "python", ("python", "-m", "shop")),
        ("b", "local", ("/local", str(tmp_path / "app" / "shop"), "-v")),
        ("c", "python", ("python3", "x.py")),
        ("d", "agnhost", ("/agnhost", "netexec")),
        ("e", "nginx", ()),
    ]
    assert [own.workdir for own in found] == [
        str(tmp_path), str(tmp_path / "app"), str(tmp_path), "", ""
    ]  # fmt: skip
    assert found[2].environment == {"A": "1"}
    assert found[3].commands == {"ping": ("true",)}
    assert found[4].ignore_command
    assert [own.user for own in found] == ["", "", "", "", "1000"]


def test_pyproject_has_the_table_below_the_tool(tmp_path: Path) -> None:
    text = '[tool.resilience.sandbox.images]\na = {image = "nginx"}\n[sandbox.images]\nb = 1\n'
    assert [own.pattern for own in read(tmp_path, text, "pyproject.toml")] == ["a"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('"nginx"', "is not a table"),
        ("{}", "expected exactly one of run, python, agnhost, image"),
        ('{run = ["python"], image = "nginx"}', "has run and image"),
        ('{imagee = "nginx"}', "unknown key 'imagee'; did you mean 'image'?"),
        ('{image = "mysql"}', "expected one of agnhost, busybox"),
        ('{image = "local"}', "expected one of agnhost, busybox"),
        ("{run = []}", "expected a list of words"),
        ('{run = "python app.py"}', "expected a list of words"),
        ("{run = [1]}", "expected a list of words"),
        ('{run = ["./nowhere"]}', "there is no program"),
        ('{run = ["no-such-program-at-all"]}', "there is no program"),
        ('{python = ["x"], workdir = "nowhere"}', "there is no directory"),
        ('{python = ["x"], workdir = "/"}', "cannot be shown"),
        ('{python = ["x"], env = {A = 1}}', "env.A: 1; expected text in quotes"),
        ('{python = ["x"], env = "A"}', "expected a table"),
        ('{python = ["x"], commands = {a = "b"}}', "commands.a: 'b'; expected a list of words"),
        ('{image = "nginx", ignore_command = 1}', "expected true or false"),
        ('{image = "nginx", login = 1}', 'expected "USER:PASSWORD"'),
        ('{image = "nginx", login = "user"}', 'expected "USER:PASSWORD"'),
        ('{image = "nginx", user = 0}', "user: 0; expected text in quotes"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_file_and_key(
    tmp_path: Path, entry: str, said: str
) -> None:
    with pytest.raises(SandboxError) as caught:
        read(tmp_path, f'[sandbox.images]\n"shop:*" = {entry}\n')
    assert f"{tmp_path / 'resilience.toml'}: sandbox image 'shop:*': " in str(caught.value)
    assert said in str(caught.value)


def test_broken_toml_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"resilience.toml: .*line 1"):
        read(tmp_path, "[sandbox\n")


@pytest.mark.parametrize(
    ("pattern", "reference", "covered"),
    [
        ("redis", "redis:7", True),
        ("redis", "redis", True),
        ("redis:7*", "redis:7.2-alpine", True),
        ("redis:7*", "redis:6", False),
        ("redis:*", "redis", False),
        ("docker.io/library/redis:latest", "redis", True),
        ("docker.io/library/redis", "redis:7", True),
        ("ghcr.io/acme/*", "ghcr.io/acme/shop/api:1", True),
        ("ghcr.io/acme/*", "ghcr.io/other/shop:1", False),
        ("localhost:5000/shop", "localhost:5000/shop:1", True),
        ("*redis*", "bitnami/redis:7", True),
        ("shop", "shop:1@sha256:" + "a" * 64, True),
        ("shop:1@sha256:" + "a" * 64, "shop:1@sha256:" + "a" * 64, True),
        ("shop@sha256:" + "a" * 64, "shop:1@sha256:" + "a" * 64, True),
        ("docker.io/library/shop@sha256:" + "a" * 64, "shop@sha256:" + "a" * 64, True),
        ("shop:1@sha256:" + "a" * 64, "shop:1@sha256:" + "b" * 64, False),
        ("shop:1@sha256:" + "a" * 64, "shop:1", False),
        ("Redis", "redis", False),
        ("*", "not a name", False),
    ],
)
def test_patterns_cover_references_as_written_and_completed(
    pattern: str, reference: str, covered: bool
) -> None:
    assert stand_ins.matches(pattern, reference) is covered


NAMES = st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?", fullmatch=True)
TAGS = st.from_regex(r"[a-z0-9]{1,5}", fullmatch=True)


@given(NAMES, TAGS)
def test_a_name_without_a_tag_covers_it_with_every_tag_and_no_other(name: str, tag: str) -> None:
    assert stand_ins.matches(name, f"{name}:{tag}")
    assert not stand_ins.matches(name, f"{name}x:{tag}")
    assert stand_ins.matches(f"{name}:{tag}", f"{name}:{tag}")
    assert not stand_ins.matches(f"{name}:{tag}", f"{name}:{tag}x")


def own(pattern: str = "shop", **more: object) -> OwnImage:
    return OwnImage(**{"pattern": pattern, "base": "python", **more})  # type: ignore[arg-type]


def test_the_first_pattern_counts_and_comes_before_the_catalogue() -> None:
    mapped = [own("nginx:1*", base="agnhost"), own("nginx", base="busybox")]
    names = [stand_ins.find(name, mapped) for name in ("nginx:1.25", "nginx", "httpd", "mysql")]
    assert [each and each.name for each in names] == ["agnhost", "busybox", "httpd", None]
    assert stand_ins.unknown(["mysql", "nginx", "mysql", "httpd"], mapped) == ["mysql"]


LINE = ("python", "-m", "shop", "{args}", "--end")


@pytest.mark.parametrize(
    ("line", "ignore", "command", "args", "runs"),
    [
        (LINE, False, [], [], ["python", "-m", "shop", "--end"]),
        (LINE, False, [], ["-p", "80"], ["python", "-m", "shop", "-p", "80", "--end"]),
        (LINE, False, ["/app/shop"], ["-p"], ["python", "-m", "shop", "-p", "--end"]),
        (LINE, False, ["sh", "-c"], ["migrate"], ["sh", "-c", "migrate"]),
        (LINE, True, ["sh", "-c"], ["x"], ["python", "-m", "shop", "x", "--end"]),
        ((), False, ["/app/shop"], ["x"], ["/app/shop", "x"]),
        ((), True, ["/app/shop"], ["x"], ["python3"]),
        ((), False, [], [], ["python3"]),
    ],
)
def test_the_line_replaces_what_the_stand_in_cannot_run(
    line: tuple[str, ...], ignore: bool, command: list[str], args: list[str], runs: list[str]
) -> None:
    image = stand_ins.find("shop", [own(line=line, ignore_command=ignore)])
    assert image is not None
    assert stand_ins.argv(image, command, args) == runs


def test_placeholders_tell_the_pods_address_and_where_volumes_lie() -> None:
    mounts = [("/data", "/real/1"), ("/etc/shop", "/real/2")]
    text = "{pod_ip}:80 {mount:/etc/shop}/x {args} {other}"
    assert stand_ins.filled(text, "127.20.1.2", mounts) == (
        "127.20.1.2:80 /real/2/x {args} {other}"
    )
    with pytest.raises(NotMounted, match="no volume at /nowhere"):
        stand_ins.filled("{mount:/nowhere}", "127.20.1.2", mounts)


def test_a_value_reaches_the_other_processes_as_it_is() -> None:
    whole = own(line=("a", "b"), workdir="/x", environment={"A": "1"}, ignore_command=True,
                commands={"ping": ("true",)})  # fmt: skip
    assert OwnImage.load(whole.dump()) == whole
    assert "A" not in repr(whole).replace("OwnImage", "")


def test_a_programs_stand_in_is_found_by_whoever_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    image = stand_ins.find("shop", [own(base="busybox", commands={"redis-cli": ("false",)})])
    assert image is not None
    for name, value in catalogue.variables(image).items():
        monkeypatch.setitem(os.environ, name, value)
    here = catalogue.here()
    assert catalogue.has_program(here, "redis-cli")
    assert catalogue.has_program(here, "/usr/bin/redis-cli")
    assert not catalogue.has_program(here, "mysql")
    assert catalogue.run(here, ["redis-cli", "ping"]) == 1
