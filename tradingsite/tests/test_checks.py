"""The system checks of the site as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from tradingsite.checks import chart_libraries_are_installed, debug_is_off_on_a_network


@pytest.mark.parametrize(("debug", "https", "warnings"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_debug_on_a_network_is_warned_of(debug: bool, https: bool, warnings: int) -> None:
    with override_settings(DEBUG=debug, HTTPS=https):
        assert len(debug_is_off_on_a_network(None)) == warnings


def test_missing_chart_libraries_are_warned_of(tmp_path: Path) -> None:
    with override_settings(NODE_MODULES=tmp_path):
        assert [warning.id for warning in chart_libraries_are_installed(None)] == ["tradingsite.W002"]


def test_installed_chart_libraries_are_fine(tmp_path: Path) -> None:
    for package in ("echarts", "lightweight-charts"):
        (tmp_path / package).mkdir()
    with override_settings(NODE_MODULES=tmp_path):
        assert chart_libraries_are_installed(None) == []
