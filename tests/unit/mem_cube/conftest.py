"""Settings that name no server."""

from pathlib import Path

import pytest

from memos.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "settings")
