"""Which sandbox a kubeconfig leads to: the file counts, not how its path is written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.sandbox.host import home
from resilience.sandbox.host.sandbox_error import SandboxError
from resilience.sandbox.owner import detached


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One sandbox whose kubeconfig is `kc`, seen from a folder beside it."""
    (tmp_path / "kc").write_text("{}")
    (tmp_path / "link").symlink_to("kc")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    record: Any = SimpleNamespace(id="sb-1", kubeconfig=str(tmp_path / "kc"), background=True)
    gone: list[str] = []
    monkeypatch.setattr(home, "records", lambda: [record])
    monkeypatch.setattr(detached, "_end", lambda record: gone.append(record.id))
    return gone


@pytest.mark.parametrize("path", ["../kc", "../sub/../kc", "../link"])
def test_any_name_of_its_file_leads_to_it(ended: list[str], path: str) -> None:
    assert detached.end(None, kubeconfig=Path(path), every=False) == ["sb-1"]
    assert ended == ["sb-1"]


def test_another_file_leads_to_none(ended: list[str]) -> None:
    with pytest.raises(SandboxError, match="leads to no running sandbox"):
        detached.end(None, kubeconfig=Path("kc"), every=False)
    assert not ended
