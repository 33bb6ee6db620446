"""A command in another shell finds the running site of its data folder, whatever port that listens on."""

from __future__ import annotations

import pytest

from tradingsite.tests.conftest import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

ADDRESS = "from exchange.factory import base_url; print(base_url('paper'))"


@pytest.mark.xfail(strict=True, reason="a command takes the paper exchange to be on port 8000, wherever the site is")
def test_a_command_without_port_asks_the_running_site(site: Site) -> None:
    site.up("--no-demo")
    site.extra = {"PORT": ""}  # another shell, in which the port was not set
    assert site.manage("shell", "-v", "0", "-c", ADDRESS).stdout.strip() == f"http://127.0.0.1:{site.port}/paper"
