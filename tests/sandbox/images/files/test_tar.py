"""A hostile archive writes nothing outside the directory, and says so."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from resilience.sandbox.images.tar import tar_


def _archive(path: Path, *members: tuple[str, bytes, str]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            member.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"evil"))


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", tarfile.REGTYPE, "")],
        [("link", tarfile.SYMTYPE, ".."), ("link/evil", tarfile.REGTYPE, "")],
        [("link", tarfile.SYMTYPE, "/etc"), ("good", tarfile.REGTYPE, "")],
        [("evil", tarfile.CHRTYPE, "")],
    ],
)
def test_a_member_that_leads_out_is_not_written(
    members: list[tuple[str, bytes, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    _archive(tmp_path / "a.tar", *members, ("after", tarfile.REGTYPE, ""))
    assert tar_(["tar", "xf", str(tmp_path / "a.tar"), "-C", str(tmp_path / "in")]) == 1
    assert "outside" in (err := capsys.readouterr().err) or "absolute" in err or "special" in err
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "in" / "evil").exists()
    assert (tmp_path / "in" / "after").read_bytes() == b"evil"


def test_a_link_that_is_there_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").symlink_to("other")
    (tmp_path / "in" / "other").write_text("other")
    _archive(tmp_path / "a.tar", ("file", tarfile.REGTYPE, ""))
    assert tar_(["tar", "xf", str(tmp_path / "a.tar"), "-C", str(tmp_path / "in")]) == 0
    assert (tmp_path / "in" / "other").read_text() == "other"
    assert (tmp_path / "in" / "file").read_bytes() == b"evil"
