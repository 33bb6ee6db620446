"""Define every setting of the site, in sections. environment.py reads and checks the values of the environment.

Importing this touches no server.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from cryptography.fernet import Fernet

from tradingsite import environment, logs
from tradingsite.embedded.servers.postgres import PORT as POSTGRES_PORT
from tradingsite.embedded.servers.postgres import SUPERUSER
from tradingsite.embedded.servers.sockets import socket_folder

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.Environment(
    secrets=(
        "DATABASE_URL", "CELERY_BROKER_URL", "REDIS_URL", "KLINES_URL", "PAPER_URL", "SECRET_KEY", "SECRETS_KEYS"
    )  # a URL may hold a password
)  # fmt: skip
env.read_env(BASE_DIR / ".env")

# --- Where things are -------------------------------------------------------------------------------------------------

VAR_DIR = env("VAR_DIR", cast=environment.folder, default=BASE_DIR / "var")
SOCKET_DIR = socket_folder(VAR_DIR)
KLINES_URL = env(
    "KLINES_URL",
    cast=environment.url("file", "s3", "gs", "gcs", "abfs", "memory", ""),
    default=str(VAR_DIR / "klines"),
)

# --- The site ---------------------------------------------------------------------------------------------------------

LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

DEBUG = env("DEBUG", cast=environment.on_or_off, default=False)
PORT = env("PORT", cast=environment.whole_number(1, 65535), default=8000)
BIND_ADDRESS = env("BIND_ADDRESS", cast=environment.ip_address, default="127.0.0.1")
WEB_WORKERS = env("WEB_WORKERS", cast=environment.whole_number(1, 64), default=2)
_named_hosts = env("ALLOWED_HOSTS", cast=environment.host_names, default=[])
# Always this machine too: bots reach the paper exchange and monitors the health page by it.
ALLOWED_HOSTS = [*_named_hosts, *LOOPBACK_HOSTS]
# A name other than this machine's means that pages travel a network: encrypted unless told otherwise.
HTTPS = env("HTTPS", cast=environment.on_or_off, default=not set(_named_hosts) <= set(LOOPBACK_HOSTS))
CSRF_TRUSTED_ORIGINS = env("CSRF_TRUSTED_ORIGINS", cast=environment.origins, default=[])

ROOT_URLCONF = "tradingsite.urls"
WSGI_APPLICATION = "tradingsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = "tradingsite.formats"  # times as 2026-11-23 14:05:00 everywhere, also in the admin's own cells

INSTALLED_APPS = [
    "tradingsite.apps.TradingAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_celery_beat",
    "django_htmx",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "csp",
    "exchange",
    "exchange.paper",
    "bots",
    "backtests",
    "tradingsite.apps.TradingSiteConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Static files: ours, the admin's, and the chart libraries that npm installed --------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [folder for folder in [BASE_DIR / "static"] if folder.is_dir()]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "tradingsite.vendor_static.VendorFinder",
]
NODE_MODULES = BASE_DIR / "node_modules"
WHITENOISE_USE_FINDERS = True  # served from where they are: no collecting step that could be forgotten
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0 if DEBUG else 300

# --- Database ---------------------------------------------------------------------------------------------------------

EMBEDDED_DATABASE = "tradingsite"
_database = env("DATABASE_URL", cast=environment.postgres, default=None)
USES_EMBEDDED_POSTGRES = _database is None
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": EMBEDDED_DATABASE,
        "USER": SUPERUSER,
        "HOST": str(SOCKET_DIR),
        "PORT": str(POSTGRES_PORT),
        **(_database or {}),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}

# --- Redis and Celery -------------------------------------------------------------------------------------------------

_REDIS_SCHEMES = ("redis", "rediss", "redis+socket")
_socket = SOCKET_DIR / "redis.sock"
CELERY_BROKER_URL = env(
    "CELERY_BROKER_URL",
    cast=environment.url(*_REDIS_SCHEMES, "amqp", "amqps", "sqs"),
    default=f"redis+socket://{_socket}?virtual_host=0",
)
USES_EMBEDDED_REDIS = str(_socket) in CELERY_BROKER_URL
# The candle cache and the request budget that all processes share.
REDIS_URL = env("REDIS_URL", cast=environment.url("redis", "rediss", "unix")) or (
    f"unix://{_socket}?db=1" if USES_EMBEDDED_REDIS else environment.next_redis_database(CELERY_BROKER_URL)
)
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

CELERY_WORKER_CONCURRENCY = env("CELERY_WORKER_CONCURRENCY", cast=environment.whole_number(1, 256), default=2)
RESEARCH_CONCURRENCY = env(
    "RESEARCH_CONCURRENCY", cast=environment.whole_number(1, 256), default=environment.processors()
)
# A search may keep every process of its worker busy for hours, and a tick must not wait for it: two queues, and a
# worker for each. A worker that is not told a queue takes the trading one.
TRADING_QUEUE, RESEARCH_QUEUE = "trading", "research"
CELERY_TASK_DEFAULT_QUEUE = TRADING_QUEUE
CELERY_TASK_ROUTES = {"backtests.tasks.*": {"queue": RESEARCH_QUEUE}}
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # there are no results, and so no nightly task that clears them away
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# A task is acknowledged when it is done, and handed out again when its process died: running one twice is harmless.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_SCHEDULER = "tradingsite.scheduler:BotScheduler"
# What must not wait for a bot's next candle: crashed runs, orders in doubt, open positions. See bots/tasks.py.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "bots.tasks.sweep_task", "schedule": 10.0, "options": {"expires": 9.0}},
    # Nightly: what every bot did, held against the engine. See backtests/parity/.
    "parity": {"task": "backtests.tasks.check_parities_task", "schedule": crontab(minute="30", hour="0")},
    "sweep-runs": {"task": "backtests.tasks.sweep_runs_task", "schedule": 60.0, "options": {"expires": 55.0}},
}
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        # Longer than the longest task, else it would run twice; what a dead worker held comes back after it.
        "visibility_timeout": env(
            "CELERY_VISIBILITY_TIMEOUT_S", cast=environment.whole_number(10, 604800), default=21600
        ),
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
    if CELERY_BROKER_URL.startswith(_REDIS_SCHEMES)
    else {}
)

# --- Secrets and login ------------------------------------------------------------------------------------------------

SECRET_KEY = env("SECRET_KEY", cast=environment.secret_key) or environment.kept_in(
    VAR_DIR / "secret_key", "SECRET_KEY", lambda: secrets.token_urlsafe(64)
)
SECRETS_KEYS = env("SECRETS_KEYS", cast=environment.fernet_keys) or environment.fernet_keys(
    environment.kept_in(VAR_DIR / "secrets_keys", "SECRETS_KEYS", lambda: Fernet.generate_key().decode())
)

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "Trading site"

# --- What a browser may do with our pages -----------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_SSL_REDIRECT = HTTPS
# The paper exchange and the health page are also asked from this machine, past the proxy that does the encryption.
SECURE_REDIRECT_EXEMPT = [r"^paper/", r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS

# --- Trading ----------------------------------------------------------------------------------------------------------

# Real money needs this and a live API key; nothing else turns it on.
ALLOW_LIVE_TRADING = env("ALLOW_LIVE_TRADING", cast=environment.on_or_off, default=False)
# Where bots with a paper key send their orders.
PAPER_URL = env(
    "PAPER_URL",
    cast=environment.url("http", "https"),
    default=f"http://{environment.reachable(BIND_ADDRESS)}:{PORT}/paper",
)

# --- Logging ----------------------------------------------------------------------------------------------------------

LOG_LEVEL = env("LOG_LEVEL", cast=environment.one_of("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
LOG_FORMAT = env("LOG_FORMAT", cast=environment.one_of("LINES", "JSON"), default="LINES")
LOGGING = logs.configuration(LOG_LEVEL, as_json=LOG_FORMAT == "JSON")
