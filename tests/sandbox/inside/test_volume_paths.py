"""Path translation: in a child process, because it rewrites that process' own functions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from resilience.sandbox.inside.launch import Mount
from resilience.sandbox.inside.volume_paths import Translation, refusal

PREPARE = """
import os, pathlib, shutil, sqlite3, sys, tempfile
from resilience.sandbox.inside import volume_paths
from resilience.sandbox.inside.launch import Mount
volume_paths.install(volume_paths.Translation([Mount(path="/data", source=sys.argv[1]),
    Mount(path="/data/ro", source=sys.argv[2], read_only=True)]))
"""


def run_mounted(program: str, tmp_path: Path) -> str:
    """What `program` prints where /data and /data/ro are mounted."""
    for name in ("data", "ro"):
        (tmp_path / name).mkdir()
    (tmp_path / "ro" / "x").write_text("fixed")
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + program, str(tmp_path / "data"), str(tmp_path / "ro")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("open('/data/a','w').write('1'); print(open('/data/a').read())", "1"),
        ("p = pathlib.Path('/data/a'); p.write_text('2'); print(p.read_text())", "2"),
        ("os.mkdir('/data/d'); print(os.listdir('/data'), os.path.isdir('/data/d'))", "['d'] True"),
        ("os.chdir('/data'); open('r','w'); print(os.getcwd(), os.listdir())", "/data ['r']"),
        ("open('/data/a','w'); os.rename('/data/a','/data/b'); print(os.listdir('/data')[0])", "b"),
        ("os.makedirs('/data/x/y'); shutil.rmtree('/data/x'); print(os.listdir('/data'))", "[]"),
        ("print(tempfile.mkstemp(dir='/data')[1].startswith('/data/'))", "True"),
        ("sqlite3.connect('/data/db').execute('create table t(a)'); print(os.listdir('/data'))",
         "['db']"),
        ("open('/data/a','w'); print(*pathlib.Path('/data').iterdir())", "/data/a"),
        ("open('/data/a','w'); print(*pathlib.Path('/data').glob('*'))", "/data/a"),
        ("open('/data/a','w'); print(*(entry.path for entry in os.scandir('/data')))", "/data/a"),
        ("print(os.path.exists('/data/../etc/passwd'))", "True"),
        ("print(open('/data/ro/x').read())", "fixed"),
        ("print(os.path.exists('/database'))", "False"),
    ],
)  # fmt: skip
def test_pythons_own_functions_see_the_mount(program: str, output: str, tmp_path: Path) -> None:
    assert run_mounted(program, tmp_path).strip() == output


@pytest.mark.parametrize(
    "act",
    ["open('/data/ro/x','w')", "open('/data/ro/new','x')", "open('/data/ro/x','r+')",
     "os.remove('/data/ro/x')", "os.mkdir('/data/ro/d')", "os.rename('/data/ro/x','/data/y')",
     "os.open('/data/ro/x', os.O_RDWR)"],
)  # fmt: skip
def test_a_read_only_mount_refuses_every_way_of_writing(act: str, tmp_path: Path) -> None:
    program = f"import os\ntry: {act}\nexcept OSError as error: print(error.strerror)"
    assert run_mounted(program, tmp_path).strip() == "Read-only file system"
    assert (tmp_path / "ro" / "x").read_text() == "fixed"


def test_the_innermost_mount_wins_and_dots_are_resolved_first() -> None:
    translation = Translation([Mount(path="/a", source="/one"), Mount(path="/a/b", source="/two")])
    assert translation.real("/a/b/c") == "/two/c"
    assert translation.real("/a/b/../c") == "/one/c"
    assert translation.real("/ab") == "/ab"
    assert translation.real(b"/a/x") == b"/one/x"
    assert translation.real(3) == 3


@pytest.mark.parametrize("path", ["/", "/usr", "/usr/", "/proc/1", "/dev/pts"])
def test_mounts_that_cannot_be_shown_are_refused(path: str) -> None:
    assert "the sandbox cannot mount over" in (refusal(path) or "")


@pytest.mark.parametrize("path", ["/usr/share/nginx/html", "/data", "/etc/app", "/dev/shm"])
def test_mounts_outside_of_system_paths_are_allowed(path: str) -> None:
    assert refusal(path) is None


def test_a_relative_path_stays_in_its_volume_though_that_lies_below_another_mount(
    tmp_path: Path,
) -> None:
    """As the volumes of a sandbox below /tmp do for a container with a /tmp of its own."""
    program = f"""
volume_paths.install(volume_paths.Translation([Mount(path="/data", source=sys.argv[1]),
    Mount(path={str(tmp_path)!r}, source=sys.argv[2])]))
os.chdir('/data'); open('mine', 'w'); print(os.listdir('/data'), os.path.exists('mine'))
"""
    bare = PREPARE.partition("volume_paths.install")[0]
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
    folders = [str(tmp_path / "data"), str(tmp_path / "other")]
    done = subprocess.run(
        [sys.executable, "-c", bare + program, *folders],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("['mine'] True", "")
