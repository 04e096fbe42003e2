"""A container's own files: what it writes stays with it, and the machine's are only shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = """
import json, os, pathlib, socket, sys, tempfile
from resilience.sandbox.inside import launch, pod_network, rootfs, volume_paths
inside = launch.Launch(id="i", image="python", argv=("x",), environment={}, cwd="/srv/dir",
    hostname="web-0", hosts="127.9.0.1\\tweb-0\\n", root=sys.argv[1], read_only=sys.argv[2] == "ro",
    network=launch.Network(address="127.9.0.1", loopback="", namespace="", dns_socket=""),
    directories=("/usr/share/web", "/usr/share/over/html"), image_root=sys.argv[4],
    mounts=(launch.Mount(path="/data/in", source=sys.argv[3]),
            launch.Mount(path="/usr/share/web/one.html", source=sys.argv[4] + "/f"),
            launch.Mount(path="/usr/share/over", source=sys.argv[3])))
rootfs.make(inside)
pod_network.install(inside.network, None)
volume_paths.install(volume_paths.Translation(rootfs.mounts(inside)))
os.chdir(inside.cwd)
"""


def run_inside(program: str, tmp_path: Path, *, read_only: bool = False) -> str:
    """What `program` prints in a container whose layer is `tmp_path`/layer."""
    (tmp_path / "data").mkdir(exist_ok=True)
    root, data, image = tmp_path / "layer", tmp_path / "data", tmp_path / "image"
    (image / "usr/share/web").mkdir(parents=True, exist_ok=True)
    for name in ("f", "usr/share/web/index.html", "usr/share/web/one.html"):
        (image / name).write_text(name)
    done = subprocess.run(
        [sys.executable, "-c", PREPARE + program, root, "ro" if read_only else "rw", data, image],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("open('/tmp/x','w').write('1'); print(os.listdir('/tmp'), open('/tmp/x').read())",
         "['x'] 1"),
        ("open('/x','w'); print('x' in os.listdir('/'), os.path.exists('/x'))", "True True"),
        ("print(os.getcwd()); open('y','w'); print(os.path.exists('/srv/dir/y'))",
         "/srv/dir\nTrue"),
        ("os.chdir('/'); print(os.getcwd(), 'usr' in os.listdir())", "/ True"),
        ("print(os.listdir('/root'), os.listdir('/home'), os.listdir('/data'))", "[] [] ['in']"),
        ("print(open('/etc/hostname').read(), 'web-0' in open('/etc/hosts').read())",
         "web-0\n True"),
        ("import colorsys; print(open(colorsys.__file__).readable())", "True"),
        ("open('/tmp/one','w').write('1'); os.symlink('/tmp/one','/tmp/two');"
         "open('/tmp/two','a').write('2'); print(open('/tmp/one').read(), os.readlink('/tmp/two'))",
         "12 /tmp/one"),
        ("os.symlink('/tmp/none','/tmp/two'); os.remove('/tmp/two'); print(os.listdir('/tmp'))",
         "[]"),
        ("print(os.path.exists('/dev/null'), os.path.isdir(f'/proc/{os.getpid()}'))", "True True"),
    ],
)  # fmt: skip
def test_a_container_has_a_root_of_its_own(program: str, output: str, tmp_path: Path) -> None:
    assert run_inside(program, tmp_path) == output


def test_what_it_writes_is_in_its_layer_and_nowhere_else(tmp_path: Path) -> None:
    name = f"resilience-test-{tmp_path.name}"
    run_inside(f"open('/tmp/{name}','w'); open('/var/log/{name}','w')", tmp_path)
    assert (tmp_path / "layer" / "tmp" / name).exists()
    assert (tmp_path / "layer" / "var" / "log" / name).exists()
    assert not Path("/tmp", name).exists()


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("print(sorted(os.listdir('/usr/share/web')), open('/usr/share/web/index.html').read())",
         "['index.html', 'one.html'] usr/share/web/index.html"),
        ("open('/usr/share/web/new', 'w').write('1'); os.remove('/usr/share/web/index.html');"
         "print(sorted(os.listdir('/usr/share/web')))", "['new', 'one.html']"),
        ("print(open('/usr/share/web/one.html').read())", "f"),
        ("print(os.listdir('/usr/share/over'), os.path.exists('/usr/share/over/html'))",
         "[] False"),
    ],
)  # fmt: skip
def test_a_directory_of_the_image_below_the_machines_is_the_containers_own(
    program: str, output: str, tmp_path: Path
) -> None:
    assert run_inside(program, tmp_path) == output
    assert (tmp_path / "image/usr/share/web/index.html").exists()
    assert not Path("/usr/share/web").exists()


@pytest.mark.parametrize("path", ["/etc/x", "/usr/x", "/bin/x", "/lib/x"])
def test_the_machines_system_directories_are_read_only(path: str, tmp_path: Path) -> None:
    program = f"try: open('{path}', 'w')\nexcept OSError as error: print(error.strerror)"
    assert run_inside(program, tmp_path) == "Read-only file system"


def test_a_read_only_root_leaves_only_volumes_to_write(tmp_path: Path) -> None:
    program = (
        "open('/data/in/x','w')\n"
        "for path in '/tmp/x', '/x', '/etc/hosts', '/usr/share/web/x':\n"
        "    try: open(path, 'w')\n"
        "    except OSError as error: print(error.strerror)"
    )
    assert run_inside(program, tmp_path, read_only=True) == "\n".join(["Read-only file system"] * 4)


@pytest.mark.parametrize("folder", ["/tmp", "/tmp/" + "long/" * 40])
def test_unix_sockets_lie_in_the_containers_files(folder: str, tmp_path: Path) -> None:
    program = f"""
os.makedirs({folder!r}, exist_ok=True)
path = {folder!r} + "/s"
with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
    one.bind(path); one.listen(); two.connect(path); print(os.path.exists(path))
"""
    assert run_inside(program, tmp_path) == "True"
    assert not Path(folder, "s").exists()
