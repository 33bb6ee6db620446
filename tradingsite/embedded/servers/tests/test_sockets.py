"""Sockets lie beside the data where the path is short enough, in a folder that nobody else may enter."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers.sockets import LONGEST_FOLDER_BYTES, make_socket_folder, socket_folder


def test_sockets_lie_beside_the_data() -> None:
    assert socket_folder(Path("/srv/site")) == Path("/srv/site/run")


def test_a_long_path_leads_to_the_temp_directory() -> None:
    assert socket_folder(Path("/srv") / ("x" * LONGEST_FOLDER_BYTES)).parent == Path(tempfile.gettempdir())


def test_two_long_paths_have_two_folders() -> None:
    folders = {socket_folder(Path("/srv") / (letter * LONGEST_FOLDER_BYTES)) for letter in "xy"}
    assert len(folders) == 2


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_socket_folder(tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_an_open_folder_of_ours_is_closed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)
    make_socket_folder(tmp_path / "run")
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EmbeddedError, match="belongs to someone else"):
        make_socket_folder(tmp_path / "run")


def test_the_folder_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(EmbeddedError, match="belongs to someone else"):
        make_socket_folder(tmp_path / "run")
