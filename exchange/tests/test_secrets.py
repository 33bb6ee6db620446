"""A secret that was once typed in appears nowhere: not in the database, a dump, a log, a repr, a page or a form."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from exchange.models import ApiKey, Venue
from exchange.paper.models import PaperAccount
from exchange.secrets import Secret, SecretUnreadable, decrypt, encrypt

KEY, SECRET = "known-key-471108154711", "known-secret-08154711"


@pytest.fixture
def stored(db: None) -> ApiKey:
    return ApiKey.objects.create(name="mine", venue=Venue.PAPER, key=KEY, secret=SECRET, key_hint="4711")


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("op", password="x"), "django.contrib.auth.backends.ModelBackend")
    return client


def columns() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, secret FROM exchange_apikey")
        return str(cursor.fetchall())


def test_what_is_stored_is_ciphertext_and_comes_back_as_it_was(stored: ApiKey) -> None:
    assert KEY not in columns()
    assert SECRET not in columns()
    row = ApiKey.objects.get()
    assert isinstance(row.secret, Secret)
    assert (row.key, row.secret.reveal()) == (KEY, SECRET)


def test_a_secret_hides_itself_from_the_moment_it_is_assigned(caplog: pytest.LogCaptureFixture) -> None:
    row = ApiKey(name="new", key=KEY, secret=SECRET)
    logging.getLogger("exchange").warning("saved %s %r", row.secret, vars(row))
    shown = f"{row.secret} {row.secret!r} {vars(row)} {row!r} {row} " + "%s" % row.key + caplog.text  # noqa: UP031
    assert SECRET not in shown
    assert KEY not in shown


def test_a_secret_is_not_pickled_and_copies_stay_hidden() -> None:
    with pytest.raises(TypeError, match="not written"):
        pickle.dumps(Secret(SECRET))
    assert SECRET not in repr(copy.deepcopy({"secret": Secret(SECRET)}))


def test_dumps_hold_neither_key_nor_secret_nor_ciphertext(stored: ApiKey) -> None:
    PaperAccount.objects.create(name="p", api_key="public-part", api_secret=SECRET, market="simulated:1")
    for form in ("json", "xml", "jsonl"):
        out = io.StringIO()
        call_command("dumpdata", "exchange", format=form, stdout=out)
        assert "mine" in out.getvalue()
        for hidden in (KEY, SECRET, "gAAAA"):
            assert hidden not in out.getvalue()


def test_rows_are_not_found_by_a_secret() -> None:
    with pytest.raises(FieldError, match="encrypted"):
        ApiKey.objects.filter(secret=SECRET)


def test_a_wrong_key_is_an_error_and_never_gives_the_ciphertext(stored: ApiKey, settings: object) -> None:
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]  # type: ignore[attr-defined]
    with pytest.raises(SecretUnreadable, match="SECRETS_KEYS"):
        ApiKey.objects.get()


def test_a_malformed_key_is_named_as_a_setting(settings: object) -> None:
    settings.SECRETS_KEYS = ["too short"]  # type: ignore[attr-defined]
    with pytest.raises(ImproperlyConfigured, match="SECRETS_KEYS"):
        encrypt("x")


def test_rotating_moves_every_secret_to_the_first_key(stored: ApiKey, settings: object) -> None:
    PaperAccount.objects.create(name="p", api_key="public-part", api_secret=SECRET, market="simulated:1")
    old, new = settings.SECRETS_KEYS[0], Fernet.generate_key().decode()  # type: ignore[attr-defined]
    settings.SECRETS_KEYS = [new, old]  # type: ignore[attr-defined]
    out = io.StringIO()
    call_command("rotate_secrets", stdout=out)
    assert "2 rows" in out.getvalue()
    settings.SECRETS_KEYS = [new]  # type: ignore[attr-defined]
    assert ApiKey.objects.get().secret == SECRET
    assert PaperAccount.objects.get().api_secret == SECRET


def test_rotating_changes_nothing_when_one_secret_cannot_be_read(stored: ApiKey, settings: object) -> None:
    good = settings.SECRETS_KEYS[0]  # type: ignore[attr-defined]
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]  # type: ignore[attr-defined]
    ApiKey.objects.create(name="unreadable later", key=KEY, secret=SECRET)
    settings.SECRETS_KEYS = [Fernet.generate_key().decode(), good]  # type: ignore[attr-defined]
    before = columns()
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_secrets")
    assert columns() == before


def test_the_same_text_is_never_encrypted_alike_twice() -> None:
    assert encrypt("x") != encrypt("x")
    assert decrypt(encrypt("x")).reveal() == "x"


def test_no_page_of_a_key_shows_it(stored: ApiKey, admin: Client) -> None:
    pages = (reverse("admin:exchange_apikey_changelist"), reverse("admin:exchange_apikey_change", args=[stored.pk]))
    for page in pages:
        text = admin.get(page).content.decode()
        assert "mine" in text
        assert "…4711" in text
        for hidden in (KEY, SECRET, "gAAAA"):
            assert hidden not in text


def test_a_refused_form_does_not_give_back_what_was_typed(admin: Client) -> None:
    typed = {"name": "", "venue": "paper", "new_key": KEY, "new_secret": SECRET}
    answer = admin.post(reverse("admin:exchange_apikey_add"), typed)
    assert answer.status_code == 200
    assert "This field is required" in answer.content.decode()
    assert KEY not in answer.content.decode()
    assert SECRET not in answer.content.decode()


def test_pages_of_keys_open_even_when_the_secrets_cannot_be_read(
    stored: ApiKey, admin: Client, settings: object
) -> None:
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]  # type: ignore[attr-defined]
    assert admin.get(reverse("admin:exchange_apikey_changelist")).status_code == 200


def test_exported_settings_of_a_key_are_json_without_it(stored: ApiKey) -> None:
    out = io.StringIO()
    call_command("dumpdata", "exchange.apikey", stdout=out)
    (row,) = json.loads(out.getvalue())
    assert (row["fields"]["key"], row["fields"]["secret"]) == ("", "")
