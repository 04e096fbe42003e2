"""Python children of a container's program: they see its files, names and addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.inside.test_rootfs import PREPARE, run_inside

CHILDREN = """
import subprocess
from resilience.sandbox.inside import children
children.install(inside)
def child(*words, **more):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, **more)
    return f"{done.returncode} {done.stdout.strip()}{done.stderr.strip()[-200:]}"
open("/data/in/text", "w").write("from the volume")
open("/tmp/mine", "w").write("from the layer")
"""

assert "inside = " in PREPARE


@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("child('-c', \"print(open('/data/in/text').read(), open('/tmp/mine').read())\")",
         "0 from the volume from the layer"),
        ("child('-c', 'import os; print(os.getcwd())')", "0 /srv/dir"),
        ("child('-c', 'import os; print(os.getcwd())', cwd='/tmp')", "0 /tmp"),
        ("child('-c', 'import sys; sys.exit(7)')", "7 "),
        ("child('-c', 'import os; print(os.environ[\"A\"])', env={'A': 'b'})", "0 b"),
        ("child('-c', 'import os; print([k for k in os.environ if \"INSIDE\" in k])')", "0 []"),
        ("child('-m', 'json.tool', '/data/in/none')[0]", "2"),
        ("child('-c', 'import socket; print(socket.gethostbyname(\"localhost\"))')",
         "0 127.0.0.1"),
        ("child('-c', 'import sys; print(sys.stdin.read())', input='said')", "0 said"),
        ("child('-c', 'import subprocess, sys; print(subprocess.check_output([sys.executable, "
         "\"-c\", \"print(open(\\\\\"/data/in/text\\\\\").read())\"], text=True))')",
         "0 from the volume"),
        ("child('-c',"
         " 'import sqlite3 as s; s.connect(\"/data/in/x\").execute(\"create table t(a)\")')"
         " + str(os.path.exists('/data/in/x'))", "0 True"),
        ("open('/data/in/ca', 'w').write('no PEM') and 'NO_CERTIFICATE' in child('-c',"
         " 'import ssl; ssl.create_default_context(cafile=\"/data/in/ca\")')", "True"),
        ("child('-I', '-c', \"print(open('/data/in/text').read())\")[0]", "1"),
    ],
)  # fmt: skip
def test_a_python_child_is_in_its_parents_container(
    program: str, output: str, tmp_path: Path
) -> None:
    assert run_inside(f"{CHILDREN}\nprint({program})", tmp_path).strip() == output.strip()


def test_a_script_on_a_volume_is_found_by_a_child(tmp_path: Path) -> None:
    program = "open('/data/in/a.py', 'w').write('import sys; print(sys.argv)')"
    told = run_inside(f"{CHILDREN}\n{program}\nprint(child('/data/in/a.py', 'x'))", tmp_path)
    assert told == "0 ['/data/in/a.py', 'x']"
