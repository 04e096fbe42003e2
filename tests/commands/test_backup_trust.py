"""Keys, damage and Velero's backups as the commands tell of them: one line, never a traceback."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import latest, record, recorded
from resilience.backup.format import layout
from resilience.backup.format.errors import BadRequest, StoreRefused
from resilience.backup.format.sign import Signer
from resilience.backup.plans.keys import identities, trusted
from resilience.backup.store.directory import DirectoryStore
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cli import main
from tests.backup.drills.test_velero_drills import NAME, SIDES, backup
from tests.backup.fakes import FakeClock, shop

pyrage: Any = import_module("pyrage")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass
class Shell:
    """A store in a directory, and the command as it is typed."""

    root: Path
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.root)

    def make(self, name: str, **options: Any) -> None:
        request = Request(name=name, scope=Scope(namespaces=("shop",)), **options)
        create(request, shop(), self.store, clock=FakeClock())

    def run(self, *words: str) -> tuple[int, list[str], list[str]]:
        code = main([*words, "--store", f"file:{self.root}"])
        out = self.capture.readouterr()
        return code, out.out.splitlines(), out.err.splitlines()


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path / "store", capsys)


@pytest.mark.parametrize(
    ("key", "content"),
    [
        (layout.marker("b"), None),
        (layout.manifest("b"), b""),
        (layout.manifest("b"), b"[" * 9000),
        (layout.manifest("b"), None),
        (layout.signature("b"), b"sha256 x\n"),
        (layout.signature("b"), None),
    ],
)
def test_a_damaged_snapshot_hides_no_other(shell: Shell, key: str, content: bytes | None) -> None:
    for name in ("a", "b", "c"):
        shell.make(name)
    store = shell.store
    if key == layout.marker("b"):  # one of Velero's, with nothing in it
        for entry in list(store.list(layout.directory("b"))):
            store.delete(entry.key)
        content = b"{}"
        store.put("backups/b/b.tar.gz", b"")
    else:
        store.delete(key)
    if content is not None:
        store.put(key, content)
    code, out, err = shell.run("backup", "list")
    assert code == 1
    assert [line.split()[0] for line in out] == ["NAME", "a", "b", "c"]
    assert "damaged" in out[2]
    assert len(err) == 1
    assert err[0].startswith("error: snapshot b") or "is not in file:" in err[0]
    code, out, _ = shell.run("backup", "list", "--json")
    assert [bool(each["damage"]) for each in json.loads("\n".join(out))] == [False, True, False]


def test_a_verification_that_cannot_be_recorded_is_told_all_the_same(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a store that may only be read."""
    shell.make("a")

    def refuse(*_: object, **__: object) -> None:
        raise StoreRefused("no permission for backups/a")

    monkeypatch.setattr(DirectoryStore, "put", refuse)
    code, out, err = shell.run("backup", "verify", "a")
    assert code == 1
    assert out[0].startswith("a is what was written")
    assert "could not be recorded: no permission" in err[0]
    assert "--no-record" in err[0]
    code, out, err = shell.run("backup", "verify", "a", "--no-record")
    assert (code, err) == (0, [])
    assert out[0].startswith("a is what was written")


@pytest.mark.parametrize(
    ("words", "stands"), [((), False), (("--no-record",), True), (("--trusted-key", PUBLIC), True)]
)
def test_damage_that_verify_finds_is_recorded(
    shell: Shell, words: tuple[str, ...], stands: bool
) -> None:
    shell.make("a")
    assert shell.run("backup", "verify", "a")[0] == 0
    archive = shell.root / layout.archive("a")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert shell.run("backup", "verify", "a", *words)[0] == 1
    assert (recorded(opened(shell.store, "a")) is not None) is stands
    code, out, err = shell.run("backup", "list")
    assert (code, "never" in out[1], "damaged" in out[1]) == (not stands, not stands, not stands)
    assert [line.startswith("error: snapshot a was found damaged at ") for line in err] == (
        [] if stands else [True]
    )


def test_a_snapshot_that_was_repaired_is_listed_as_good_again(shell: Shell) -> None:
    shell.make("a")
    archive = shell.root / layout.archive("a")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert shell.run("backup", "verify", "a")[0] == 1
    assert shell.run("backup", "list")[0] == 1
    archive.write_bytes(whole)  # from another copy
    assert shell.run("backup", "verify", "a")[0] == 0
    code, out, err = shell.run("backup", "list")
    assert (code, err) == (0, [])
    assert out[1].split()[-2:] == ["ours", "Completed"]


def test_velero_s_phase_is_a_column(shell: Shell) -> None:
    copied = backup(phase="PartiallyFailed", errors=3)
    for key, data in copied.files.items():
        shell.store.put(key, data)
    shell.make("a")
    _, out, _ = shell.run("backup", "list")
    assert [line.split()[-2:] for line in out] == [
        ["KIND", "PHASE"],
        ["ours", "Completed"],
        ["Velero", "PartiallyFailed"],
    ]


def test_verify_records_a_whole_backup_of_velero_s(shell: Shell) -> None:
    for key, data in backup(sides=SIDES["kopia"]).files.items():
        shell.store.put(key, data)
    code, out, _ = shell.run("backup", "verify", NAME)
    assert code == 0
    assert "contains everything that Velero listed: 3 objects" in out[0]
    found = latest(opened(shell.store, NAME))
    assert found
    assert len(found.archive) == 64
    _, out, _ = shell.run("backup", "show", NAME)
    assert "  1 ConfigMap" in out
    assert out[-2:] == [
        "data of volumes that only Velero can restore:",
        "  shop/data-db-0 (file system backup by kopia)",
    ]


def test_show_counts_what_is_held(shell: Shell) -> None:
    shell.make("a")
    _, out, _ = shell.run("backup", "show", "a")
    held = [line.strip() for line in out if line.startswith("  ")]
    assert held == [
        "1 configmaps in shop",
        "1 deployments.apps in shop",
        "1 namespaces",
        "1 secrets in shop",
        "1 services in shop",
    ]


def test_an_encrypted_snapshot_is_verified_without_its_key_and_says_so(shell: Shell) -> None:
    identity = pyrage.x25519.Identity.generate()
    shell.make("a", recipients=(str(identity.to_public()),))
    code, out, _ = shell.run("backup", "verify", "a")
    assert code == 0
    assert out[0].startswith(
        "a: its stored bytes are what was written, not signed; its content was"
    )
    found = latest(opened(shell.store, "a"))
    assert found
    assert not found.opened
    (shell.root.parent / "id.txt").write_text(str(identity))
    _, out, _ = shell.run("backup", "verify", "a", "--identity", "id.txt")
    assert out[0].startswith("a is what was written: 5 objects")
    found = latest(opened(shell.store, "a"))
    assert found
    assert found.opened
    _, out, _ = shell.run("backup", "show", "a")
    assert "  encrypted: give its identity to see its content (--identity FILE)" in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--identity", "nofile.txt"), "identity nofile.txt: No such file or directory"),
        (("--identity", "."), "identity .: Is a directory"),
        (("--identity", "pub.pem"), "identity pub.pem is not an age private key"),
        (
            ("--trusted-key", "nothing"),
            "--trusted-key 'nothing' is not a public key: expected base64",
        ),
        (("--trusted-key", "id.txt"), "--trusted-key id.txt holds no public key"),
        (("--trusted-key", "key.pem"), "is a private key; expected the public half"),
        (("--trusted-key", "rsa.pem"), "is a key of another kind; expected Ed25519"),
        (("--trusted-key", "broken.pem"), "is not an intact PEM public key"),
        (("--trusted-key", "ssh-ed25519 AAAA"), "is not a public key"),
    ],
)
def test_a_wrong_key_is_one_line_and_no_tampering(
    shell: Shell, words: Sequence[str], text: str
) -> None:
    folder = shell.root.parent
    rsa = generate_private_key(65537, 2048).public_key()
    (folder / "pub.pem").write_text(PEM)
    (folder / "key.pem").write_text(PRIVATE)
    (folder / "broken.pem").write_text(PEM.replace("M", "N", 3))
    (folder / "id.txt").write_text("hello\n")
    (folder / "rsa.pem").write_bytes(
        rsa.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    shell.make("a", signer=Signer(KEY))
    code, _, err = shell.run("backup", "verify", "a", *words)
    assert code == 1
    (line,) = err
    assert text in line
    assert "not what was written" not in line


@pytest.mark.parametrize("given", [PUBLIC, PEM, "pub.pem", "pub.b64"])
def test_a_public_key_is_taken_as_base64_as_pem_and_from_a_file(
    given: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.root.parent / "pub.pem").write_text(PEM)
    (shell.root.parent / "pub.b64").write_text(PUBLIC + "\n")
    assert trusted(given, {}) == PUBLIC
    assert trusted("", {"RESILIENCE_TRUSTED_KEY": given}) == PUBLIC
    shell.make("signed", signer=Signer(KEY))
    shell.make("plain")
    monkeypatch.setenv("RESILIENCE_TRUSTED_KEY", given)
    assert shell.run("backup", "verify", "signed")[0] == 0
    code, _, err = shell.run("backup", "verify", "plain")
    assert code == 1
    assert "is not signed; expected the signature of" in "".join(err)


def test_an_identity_is_taken_from_the_environment_by_text_or_file(tmp_path: Path) -> None:
    identity = str(pyrage.x25519.Identity.generate())
    (tmp_path / "id.txt").write_text(f"# created: today\n{identity}\n")
    for environment in (
        {"RESILIENCE_IDENTITY": identity},
        {"RESILIENCE_IDENTITY_FILE": str(tmp_path / "id.txt")},
    ):
        assert len(identities((), environment)) == 1
    assert identities((), {}) == []
    with pytest.raises(BadRequest, match=r"identity .*gone\.txt: No such file"):
        identities((), {"RESILIENCE_IDENTITY_FILE": str(tmp_path / "gone.txt")})


def test_unverified_and_a_trusted_key_contradict_each_other(shell: Shell) -> None:
    shell.make("a")
    code, _, err = shell.run("restore", "a", "--unverified", "--trusted-key", PUBLIC)
    assert code == 1
    assert "--unverified reads a snapshot without its signature" in "".join(err)


def test_a_loop_of_links_in_a_store_is_one_line(shell: Shell) -> None:
    shell.make("a")
    loop = shell.root / "backups" / "loop"
    loop.mkdir()
    (loop / "velero-backup.json").symlink_to("velero-backup.json")
    (loop / "inner").symlink_to(loop)
    code, out, err = shell.run("backup", "list")
    assert code in (0, 1)
    assert "Traceback" not in "".join(err)
    assert any(line.startswith("a ") for line in out)


def test_a_record_of_a_verification_with_wrong_types_counts_as_none() -> None:
    store = MemoryStore()
    create(Request(name="a", scope=Scope(namespaces=("shop",))), shop(), store, clock=FakeClock())
    snapshot = opened(store, "a")
    key = record(snapshot, verify(snapshot), FakeClock().now())

    for wrong in (b"7", b"[]", b'{"snapshot": 7}', b'{"verified": "never"}', b"\xff", b"{" * 5000):
        digest = hashlib.sha256(wrong).hexdigest().encode()
        store.files[key] = wrong + b"\n" + digest + b"\n"
        assert latest(opened(store, "a")) is None


PLAN_FILE = """\
plan: shop
namespaces: [shop]
store: file:./store
keep: {last: 1}
"""


def test_prune_goes_on_past_damage_and_velero_s_and_ends_with_1(shell: Shell) -> None:
    names = [f"shop-2026030{day}010000" for day in range(1, 6)]
    for name in (names[0], names[1], names[3]):
        shell.make(name)
    for key, data in backup(name=names[2]).files.items():
        shell.store.put(key, data)
    shell.store.delete(layout.manifest(names[1]))
    shell.store.put(layout.manifest(names[1]), b"")
    (shell.root.parent / "shop.plan.yaml").write_text(PLAN_FILE)
    code = main(["backup", "prune", "shop.plan.yaml"])
    out = shell.capture.readouterr().out.splitlines()
    assert code == 1
    assert f"{names[2]}: kept: Velero's" in out
    assert any(line.startswith(f"{names[1]}: kept: snapshot {names[1]}") for line in out)
    assert [line for line in out if line.endswith(": deleted")] == [f"{names[0]}: deleted"]
