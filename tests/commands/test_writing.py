"""The files that a command writes for its user."""

from pathlib import Path

import pytest

from resilience.commands import CommandError
from resilience.commands.writing import folders, write_files


def test_files_are_written_with_their_folders_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "one.yaml"
    write_files({path: "é: 1\n"})
    assert path.read_bytes() == b"\xc3\xa9: 1\n"
    assert "".join(capsys.readouterr().out.split()) == f"wrote{path}"


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(CommandError, match="taken cannot be written: File exists"):
        write_files({tmp_path / "taken" / "one.yaml": "a: 1\n"})


def test_folders_that_stay_empty_go_again_and_those_that_were_there_stay(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    paths = [tmp_path / "new" / "deep" / "one.yaml", tmp_path / "old" / "two.yaml"]
    with folders(paths):
        assert (tmp_path / "new" / "deep").is_dir()
    assert [each.name for each in tmp_path.iterdir()] == ["old"]
    with folders(paths):
        write_files({paths[0]: "a: 1\n"})
    assert paths[0].read_text() == "a: 1\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with (
        pytest.raises(CommandError, match=r"taken/new cannot be written: Not a directory"),
        folders([tmp_path / "taken" / "new" / "one.yaml"]),
    ):
        raise AssertionError("the block was entered")
