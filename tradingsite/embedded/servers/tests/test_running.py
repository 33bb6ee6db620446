"""Which embedded servers are started, and what is shown when one does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from tradingsite.embedded.servers.running import last_line, needed_servers


@pytest.mark.parametrize(
    ("postgres", "redis", "kinds"),
    [(True, True, ["postgres", "redis"]), (False, True, ["redis"]), (True, False, ["postgres"]), (False, False, [])],
)
def test_servers_that_the_environment_names_are_not_started(postgres: bool, redis: bool, kinds: list[str]) -> None:
    with override_settings(USES_EMBEDDED_POSTGRES=postgres, USES_EMBEDDED_REDIS=redis):
        assert [paths.kind for paths in needed_servers()] == kinds


def test_the_last_line_of_a_log_tells_why_a_server_ended(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("starting\nerror: the disk is full\n")
    assert last_line(tmp_path / "log") == "the disk is full"


def test_an_empty_log_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert last_line(tmp_path / "log").endswith("log is empty")
