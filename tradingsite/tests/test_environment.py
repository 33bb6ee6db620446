"""Read settings from the environment: nonsense is an error that names the variable and never shows a secret."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tradingsite import environment
from tradingsite.environment import BadSetting, Environment
from tradingsite.tests.conftest import ROOT

NAME = "VARIABLE_OF_A_TEST"


def read(monkeypatch: pytest.MonkeyPatch, text: str, **options: object) -> object:
    monkeypatch.setenv(NAME, text)
    return Environment()(NAME, **options)


def test_an_unset_variable_is_its_default() -> None:
    assert Environment()(NAME, cast=environment.on_or_off, default=True) is True


def test_an_unset_variable_without_a_default_is_none() -> None:
    assert Environment()(NAME, cast=environment.on_or_off) is None


def test_an_empty_variable_is_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, "  ", cast=environment.whole_number(1, 9), default=5) == 5


def test_a_dollar_sign_is_part_of_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, "$HOME", default="") == "$HOME"


def test_a_value_that_makes_no_sense_is_shown_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSetting, match=rf"^{NAME}='maybe' in the environment: expected on or off"):
        read(monkeypatch, "maybe", cast=environment.on_or_off)


def test_the_value_of_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "geheim")
    with pytest.raises(BadSetting, match=rf"^{NAME} in the environment: ") as told:
        Environment(secrets=(NAME,))(NAME, cast=environment.secret_key)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize(("text", "value"), [("On", True), ("1", True), ("no", False), ("OFF", False)])
def test_a_switch_is_on_or_off(text: str, value: bool) -> None:
    assert environment.on_or_off(text) is value


@pytest.mark.parametrize("text", ["0", "10", "-1", "1.5", "1e0", "٣", ""])
def test_a_whole_number_outside_its_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a whole number from 1 to 9"):
        environment.whole_number(1, 9)(text)


def test_a_choice_may_be_written_small() -> None:
    assert environment.one_of("LINES", "JSON")("json") == "JSON"


def test_host_names_are_parted_by_commas() -> None:
    assert environment.host_names("a.example.com, b.example.com") == ["a.example.com", "b.example.com"]


def test_an_origin_needs_its_scheme() -> None:
    with pytest.raises(ValueError, match="such as https://"):
        environment.origins("https://a.example.com,b.example.com")


def test_a_folder_may_be_one_that_is_yet_to_be_made(tmp_path: Path) -> None:
    assert environment.folder(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"expected a folder, and .*file is none"):
        environment.folder(str(tmp_path / "file" / "below"))


def test_a_url_of_another_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="starts with redis:// or rediss://"):
        environment.url("redis", "rediss")("http://host/1")


def test_a_database_url_becomes_djangos_settings() -> None:
    settings = environment.postgres("postgres://me:word@db.example.com:5433/books")
    shown = {name: settings[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    assert shown == {"NAME": "books", "USER": "me", "PASSWORD": "word", "HOST": "db.example.com", "PORT": 5433}


def test_a_database_url_may_name_a_socket() -> None:
    assert environment.postgres("postgres://me@/books?host=/var/run/pg")["HOST"] == "/var/run/pg"


def test_another_database_than_postgresql_is_refused() -> None:
    with pytest.raises(ValueError, match="only PostgreSQL has the row locks"):
        environment.postgres("mysql://me@host/books")


def test_every_fernet_key_is_checked() -> None:
    good = "x" * 43 + "="
    with pytest.raises(ValueError, match="key 2 is not a Fernet key"):
        environment.fernet_keys(f"{good},short")


@pytest.mark.parametrize(
    ("address", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.0.0.5", "10.0.0.5")]
)
def test_a_server_is_reached_at_its_address(address: str, host: str) -> None:
    assert environment.reachable(address) == host


def test_the_cache_is_one_database_above_the_broker() -> None:
    assert environment.next_redis_database("redis://:word@host:6379/2") == "redis://:word@host:6379/3"


def test_a_broker_that_is_no_redis_needs_a_redis_url() -> None:
    with pytest.raises(BadSetting, match="REDIS_URL is not set"):
        environment.next_redis_database("amqp://host")


def test_a_broker_with_a_named_database_is_refused() -> None:
    with pytest.raises(BadSetting, match="'books' is not the number of a Redis database"):
        environment.next_redis_database("redis://host/books")


def test_a_generated_value_is_kept(tmp_path: Path) -> None:
    made = iter(("first", "second"))
    values = [environment.kept_in(tmp_path / "key", NAME, lambda: next(made)) for _ in range(2)]
    assert values == ["first", "first"]


def test_a_generated_value_is_for_its_owner_alone(tmp_path: Path) -> None:
    environment.kept_in(tmp_path / "key", NAME, lambda: "value")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_of_two_who_generate_at_once_the_first_value_counts(tmp_path: Path) -> None:
    def make() -> str:
        (tmp_path / "key").write_text("the other's\n")
        return "mine"

    assert environment.kept_in(tmp_path / "key", NAME, make) == "the other's"


def test_a_value_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match=rf"^{NAME} is not set and cannot be kept in "):
        environment.kept_in(tmp_path / "file" / "key", NAME, lambda: "value")


NONSENSE = {
    "PORT": "eighty", "BIND_ADDRESS": "here", "ALLOWED_HOSTS": "a b", "HTTPS": "perhaps", "WEB_WORKERS": "0",
    "CSRF_TRUSTED_ORIGINS": "bots.example.com", "DEBUG": "2", "LOG_LEVEL": "LOUD", "LOG_FORMAT": "XML",
    "VAR_DIR": "/dev/null/var", "DATABASE_URL": "sqlite:///db", "CELERY_BROKER_URL": "redis", "REDIS_URL": "http://h/1",
    "KLINES_URL": "ftp://h/klines", "CELERY_WORKER_CONCURRENCY": "-1", "RESEARCH_CONCURRENCY": "many",
    "CELERY_VISIBILITY_TIMEOUT_S": "1.5", "SECRET_KEY": "short", "SECRETS_KEYS": "x,y", "ALLOW_LIVE_TRADING": "maybe",
    "PAPER_URL": "localhost:8000",
}  # fmt: skip


def test_nonsense_is_known_for_every_variable() -> None:
    assert set(NONSENSE) == set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_in_any_variable_is_an_error_that_begins_with_its_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, NONSENSE[name])
    with pytest.raises(BadSetting, match=rf"^{name}\b.* in the environment: ") as told:
        runpy.run_path(str(ROOT / "tradingsite" / "settings.py"))
    if name in ("SECRET_KEY", "SECRETS_KEYS", "DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL"):
        assert NONSENSE[name] not in str(told.value).partition(": ")[0]
