"""Real processes for the tests of `manage.py`, as in tradingsite/tests."""

from tradingsite.tests.conftest import site  # noqa: F401
