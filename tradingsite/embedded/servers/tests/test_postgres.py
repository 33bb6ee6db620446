"""The embedded PostgreSQL: which binaries serve a data folder, and what a server that is gone left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.servers import postgres
from tradingsite.embedded.servers.postgres import Postgres, find_binaries, remove_stale_locks


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Binaries of two versions that print their version, and none in the wheel."""
    for major in (14, 16):
        folder = tmp_path / "installed" / str(major)
        folder.mkdir(parents=True)
        (folder / "initdb").touch()
        (folder / "postgres").write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.2'\n")
        (folder / "postgres").chmod(0o755)
    monkeypatch.setattr(postgres, "_wheel_folders", list)
    monkeypatch.setattr(postgres, "_installed_folders", lambda: sorted((tmp_path / "installed").iterdir()))
    return tmp_path / "installed"


def data_of_version(folder: Path, major: int) -> Path:
    folder.mkdir()
    (folder / "PG_VERSION").write_text(f"{major}\n")
    return folder


def test_a_new_data_folder_gets_the_newest_version(installed: Path, tmp_path: Path) -> None:
    assert find_binaries(tmp_path / "data") == installed / "16"


def test_an_existing_data_folder_gets_its_own_version(installed: Path, tmp_path: Path) -> None:
    assert find_binaries(data_of_version(tmp_path / "data", 14)) == installed / "14"


def test_a_version_that_is_not_there_is_told(installed: Path, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 15, and no PostgreSQL 15 is installed"):
        find_binaries(data_of_version(tmp_path / "data", 15))


def test_the_wheel_comes_before_an_installed_server(installed: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(postgres, "_wheel_folders", lambda: [installed / "14"])
    assert find_binaries(tmp_path / "data") == installed / "14"


def test_no_server_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_wheel_folders", list)
    monkeypatch.setattr(postgres, "_installed_folders", list)
    with pytest.raises(EmbeddedError, match="Install PostgreSQL 14 or newer, or set DATABASE_URL"):
        find_binaries(tmp_path / "data")


def test_a_folder_without_a_server_has_no_version(tmp_path: Path) -> None:
    assert postgres._major(tmp_path) == 0


def test_a_binary_that_does_not_run_here_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "initdb").touch()
    (tmp_path / "postgres").touch()
    assert postgres._major(tmp_path) == 0


def test_the_lock_of_a_server_that_is_gone_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text("999999999\n/data\n")
    remove_stale_locks(tmp_path, tmp_path)
    assert not lock.exists()


def test_the_process_that_got_its_number_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")
    remove_stale_locks(tmp_path, tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_its_address_names_the_socket() -> None:
    server = Postgres(Path("/srv/data"), Path("/srv/run"))
    assert server.url("books") == "postgres://postgres@/books?host=/srv/run"


def test_a_durable_server_waits_for_the_disk() -> None:
    assert "fsync=off" not in Postgres(Path("/srv/data"), Path("/srv/run"))._options()


def test_a_server_for_tests_does_not_wait_for_the_disk() -> None:
    assert "fsync=off" in Postgres(Path("/srv/data"), Path("/srv/run"), durable=False)._options()
