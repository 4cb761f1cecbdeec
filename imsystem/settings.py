"""All settings, flat, from the environment. README has the table; `doctor` judges them."""

import sys
from datetime import timedelta
from typing import Any

from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from imsystem.env import BASE_DIR, choice, env, integer, rate, setting
from imsystem.env import DATA_DIR as DATA_DIR
from imsystem.mail.url import email_settings
from imsystem.redis_url import redis_address

VERSION = "0.1.0"

# Refused by a system check unless DEBUG is on (imsystem/health/checks.py).
INSECURE_KEY = "insecure-development-key-never-used-in-production"

DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY = setting("SECRET_KEY", INSECURE_KEY)
# Former values of SECRET_KEY: what was signed or encrypted with them can still be read.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
JWT_SIGNING_KEY = setting("JWT_SIGNING_KEY", INSECURE_KEY)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Applications ---------------------------------------------------------------------------
# Daphne replaces `runserver` only: importing it costs every process Twisted, 0.3 s and 20 MB.
RUNSERVER = "runserver" in sys.argv[1:2]

INSTALLED_APPS = [
    *(["daphne"] if RUNSERVER else []),
    "imsystem.apps.MongoAdminConfig",
    "imsystem.apps.MongoAuthConfig",
    "imsystem.apps.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_mongodb_backend",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "imsystem.apps.ImsystemConfig",
    "imsystem.jobs.apps.JobsConfig",
    "imsystem.apps.MailConfig",
    "accounts.apps.AccountsConfig",
    "rooms.apps.RoomsConfig",
    "chat.apps.ChatConfig",
]

# The contrib apps' own migrations use AutoField, which MongoDB has not.
MIGRATION_MODULES = {
    "admin": "imsystem.mongo.migrations.admin",
    "auth": "imsystem.mongo.migrations.auth",
    "contenttypes": "imsystem.mongo.migrations.contenttypes",
}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"

MIDDLEWARE = [
    "imsystem.ops.metrics.MetricsMiddleware",
    # Outside all others: their answers (redirects, refusals, files) get the headers too.
    "imsystem.http.headers.HeadersMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "imsystem.http.headers.GateMiddleware",
    # Before what looks at the Host header; after what sets headers on every answer.
    "imsystem.health.probes.ProbesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "imsystem.http.middleware.UnavailableMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.DeviceSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "imsystem.urls"
ASGI_APPLICATION = "imsystem.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- MongoDB --------------------------------------------------------------------------------
MONGODB_URL = setting("MONGODB_URL", "mongodb://127.0.0.1:27017/?replicaSet=rs0")
# One deadline for every operation (PyMongo's client-side operation timeout), so that a stalled
# database gives a retryable error and never a hang. Long migrations raise it.
MONGODB_TIMEOUT_MS: int = integer("MONGODB_TIMEOUT_MS", 5_000, least=100)
MONGODB_OPTIONS: dict[str, Any] = {
    "w": "majority",
    "journal": True,  # an ack means: on disk, not in memory
    "timeoutMS": MONGODB_TIMEOUT_MS,
    "serverSelectionTimeoutMS": min(3_000, MONGODB_TIMEOUT_MS),
    # The driver's check of the server: after 8 s without an answer it drops all connections. With
    # its own 10 and 20 s, each connection that the network has forgotten cost a request 5 s.
    "connectTimeoutMS": 5_000,
    "heartbeatFrequencyMS": 3_000,
}
DATABASES = {
    "default": {
        "ENGINE": "imsystem.mongo.engine",
        "HOST": MONGODB_URL,
        "NAME": env.str("MONGODB_NAME", default="im"),
        "OPTIONS": MONGODB_OPTIONS,
    },
}

# --- Redis ----------------------------------------------------------------------------------
REDIS_URL = setting("REDIS_URL", "redis://127.0.0.1:6379/0")
try:
    redis_address(REDIS_URL)
except ValueError as exc:
    raise ImproperlyConfigured(str(exc)) from None
REDIS_TIMEOUT_S = 3.0
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "imsystem.redis.cache_key",
        "OPTIONS": {"CONNECTION_FACTORY": "imsystem.redis.CacheConnections"},
    },
}
CHANNEL_LAYERS = {
    "default": {
        # The core layer lost 16-90 % of a burst of 1,000 messages, this one none
        # (docs/decisions/realtime.md).
        "BACKEND": "imsystem.realtime.layer.ChannelLayer",
    },
}

# --- Accounts -------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # the account's uniqueness is an index of ours (imsystem/mongo/indexes.py)
    "security.W021",  # HSTS preloading binds a whole domain for years: HSTS=preload asks for it
    "4_0.E001",  # origins without a scheme: imsystem.E005 says the same, with a hint
]
AUTHENTICATION_BACKENDS = ["accounts.backends.AccountBackend"]
PASSWORD_HASHERS = ["accounts.hashers.Argon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "accounts.validators.MaximumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.validators.NotTheAccountValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/chat/"
LOGOUT_REDIRECT_URL = "accounts:login"

CODE_TTL_S = 600
CODE_TRIES = 5
CODE_COOLDOWN_S = 60
# Codes requested from one IP address, in 10 minutes and in a day.
CODES_PER_IP: int = integer("CODES_PER_IP", 15)
CODES_PER_IP_DAY: int = integer("CODES_PER_IP_DAY", 200)

# However busy it is, a device session ends then, and the user has to sign in again.
SESSION_LIFETIME_S = 180 * 24 * 3600

SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=30),
    "USER_ID_FIELD": "identity",
    "USER_ID_CLAIM": "user_id",
    "UPDATE_LAST_LOGIN": False,
}
# Who may register: open (anybody), invite (only with an invitation) or closed (nobody).
REGISTRATION: str = choice("REGISTRATION", "open", ("open", "invite", "closed"))
# The e-mail domains that may register; none for any. Subdomains are domains of their own.
REGISTRATION_DOMAINS: list[str] = [
    domain for text in env.list("REGISTRATION_DOMAINS", default=[]) if (domain := text.strip())
]
# The routes of the original system (docs/compatibility.md).
SEED_ROUTES: bool = env.bool("SEED_ROUTES", default=True)
RATE_LIMITS: bool = env.bool("RATE_LIMITS", default=True)

# --- Limits (docs/protocol.md) --------------------------------------------------------------
# Rates that RATE_LIMITS=off lifts. The first five are counted in each web process by itself.
FRAMES_PER_SOCKET = rate("FRAMES_PER_SOCKET", "300/3s")
MESSAGES_PER_USER = rate("MESSAGES_PER_USER", "300/10s")
CONNECTS_PER_USER = rate("CONNECTS_PER_USER", "120/1min")
CONNECTS_PER_IP = rate("CONNECTS_PER_IP", "1000/1min")
# Units of work, a millisecond each (imsystem/budgets.py).
READS_PER_USER = rate("READS_PER_USER", "3000/10min")
AVATARS_PER_USER = rate("AVATARS_PER_USER", "20/1h")
NEW_ROOMS_PER_USER = rate("NEW_ROOMS_PER_USER", "100/1h")
# Lookups that find nothing: numbers, usernames, identities (imsystem/guesses.py).
MISSES_PER_USER = rate("MISSES_PER_USER", "60/10min")
MISSES_PER_IP = rate("MISSES_PER_IP", "300/10min")
# Caps, 0 for none. Load tests come from one address, often as one user: there, these two are off
# unless somebody sets them.
SOCKETS_PER_USER: int = integer("SOCKETS_PER_USER", 50 if RATE_LIMITS else 0)
SOCKETS_PER_IP: int = integer("SOCKETS_PER_IP", 1_000 if RATE_LIMITS else 0)
# Of one web process. Handshakes: sockets whose user is not known yet.
SOCKETS_PER_PROCESS: int = integer("SOCKETS_PER_PROCESS", 20_000)
HANDSHAKES_AT_ONCE: int = integer("HANDSHAKES_AT_ONCE", 2_000)
ROOMS_PER_USER: int = integer("ROOMS_PER_USER", 1_000)
# Groups that others have added a user to: all others together, and each of them.
ROOMS_ADDED_PER_USER: int = integer("ROOMS_ADDED_PER_USER", 200)
ROOMS_ADDED_BY_ONE: int = integer("ROOMS_ADDED_BY_ONE", 50)
MEMBERS_PER_ROOM: int = integer("MEMBERS_PER_ROOM", 5_000)
# How long one may edit and recall one's own messages, in seconds; 0 for never.
EDIT_WINDOW_S: int = integer("EDIT_WINDOW_S", 900)
RECALL_WINDOW_S: int = integer("RECALL_WINDOW_S", 120)
# For how many days the text of a recalled message is kept, for administrators only; 0: it is
# deleted at once.
KEEP_RECALLED_DAYS: int = integer("KEEP_RECALLED_DAYS", 0)
# --- What one client may hold (docs/security.md) --------------------------------------------
# Of one web process; never more than the limit of open files leaves (embedded/connections.py).
CONNECTIONS_PER_PROCESS: int = integer("CONNECTIONS_PER_PROCESS", 25_000)
CONNECTIONS_PER_IP: int = integer("CONNECTIONS_PER_IP", 2_000 if RATE_LIMITS else 0)
# Seconds: for the head of a request; for a body to show some progress; for one message of a socket;
# for an answer that is not read.
HEAD_WITHIN_S: float = env.float("HEAD_WITHIN_S", default=10.0)
BODY_STALLED_S: float = env.float("BODY_STALLED_S", default=10.0)
MESSAGE_WITHIN_S: float = env.float("MESSAGE_WITHIN_S", default=30.0)
ANSWER_STALLED_S: float = env.float("ANSWER_STALLED_S", default=30.0)
# Bodies and answers that go on more slowly than this end, after these seconds.
LOWEST_BYTES_PER_S: int = integer("LOWEST_BYTES_PER_S", 1_024)
# The longest body. Where uploads go the view says how long (imsystem/http/body_limit.py).
MAX_BODY_BYTES: int = integer("MAX_BODY_BYTES", 512 * 1024)
# What bodies and answers of requests under way hold, of one address and (bodies) of one process.
HELD_BYTES_PER_IP: int = integer("HELD_BYTES_PER_IP", 64 * 1024 * 1024)
HELD_BYTES_PER_PROCESS: int = integer("HELD_BYTES_PER_PROCESS", 256 * 1024 * 1024)
# Where tests make the process fail (imsystem/ops/failpoints.py). Refused unless DEBUG is on.
FAILPOINTS = env.str("FAILPOINTS", default="")

SESSION_ENGINE = "imsystem.session_store"
SESSION_COOKIE_AGE = 30 * 24 * 3600

# --- HTTPS, cookies, proxies (docs/security.md) ---------------------------------------------
# HTTPS is told by the address people use: set it once in CSRF_TRUSTED_ORIGINS.
HTTPS = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
# The peers whose X-Forwarded-For and -Proto are trusted: addresses or networks. uvicorn reads the
# headers (imsystem/embedded/web.py); Django sees the client's address and scheme only.
TRUSTED_PROXIES: list[str] = [
    proxy.strip()
    for proxy in env.list("TRUSTED_PROXIES", default=["127.0.0.1", "::1"] if HTTPS else [])
]
SECURE_SSL_REDIRECT = HTTPS
# Asked by load balancers and container engines on the inner side of the proxy.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)$", r"^api/v1/health/"]
# off, host, subdomains, or preload: what browsers remember for a year.
HSTS: str = env.str("HSTS", default="subdomains").lower()
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS and HSTS != "off" else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS in ("subdomains", "preload")
SECURE_HSTS_PRELOAD = HSTS == "preload"
SECURE_REFERRER_POLICY = "same-origin"

# A browser takes a `__Host-` cookie over HTTPS only, and from nobody but this very host.
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}django_language"
DEVICE_COOKIE_NAME = f"{COOKIE_PREFIX}device"  # accounts/trusted_devices.py
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
# No script reads a cookie: the CSRF token is in each form.
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "imsystem.http.stale_form.csrf_failure"
MESSAGE_STORAGE = "imsystem.http.headers.NoticeStorage"

# --- API ------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.CookieAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["imsystem.http.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["imsystem.http.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "imsystem.http.schema.ApiSchema",
    "EXCEPTION_HANDLER": "imsystem.http.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "IMSystem",
    "DESCRIPTION": "A self-hosted instant messaging server. The socket is in docs/protocol.md.",
    "VERSION": VERSION,
    "LICENSE": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    # Relative to the document, which is the same wherever the server is reached.
    "SERVERS": [{"url": "/", "description": "The server that this document comes from."}],
    "TAGS": [
        {"name": "auth", "description": "Registration, sign-in, devices and passwords."},
        {"name": "users", "description": "Your own profile, and other people's."},
        {"name": "rooms", "description": "Conversations: members, rules, bans and messages."},
        {"name": "messages", "description": "Changes of single messages."},
        {"name": "server", "description": "What a client needs to know before anybody signs in."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Its validator badge would tell a third party's host about every visitor's schema.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "ENUM_NAME_OVERRIDES": {"AudienceEnum": "accounts.choices.Audience"},
    # The bodies of PATCH have serializers of their own, which say what is required.
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "imsystem.http.schema.with_problems",
    ],
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

# --- Security headers -----------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    },
}

# --- Language and time ----------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- Mail -----------------------------------------------------------------------------------
# `smtp+tls://user:password@host:587`, `filemail:///dir`, `consolemail://`. The embedded default
# of `up` is echomail:///dir: into files, and the subject (with the code) on the console.
vars().update(email_settings(setting("EMAIL_URL", "consolemail://")))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="IMSystem <noreply@localhost>")
# Where mail servers send what they could not deliver, and where people's replies go: addresses.
EMAIL_BOUNCES_TO = env.str("EMAIL_BOUNCES_TO", default="")
EMAIL_REPLY_TO = env.str("EMAIL_REPLY_TO", default="")
EMAIL_TIMEOUT = 10

# --- Background jobs (docs/architecture.md) --------------------------------------------------
TASKS = {"default": {"BACKEND": "imsystem.jobs.backend.MongoBackend", "QUEUES": []}}
# How long jobs that failed or were cancelled can be looked at and run again.
JOBS_KEEP_DAYS: int = env.int("JOBS_KEEP_DAYS", default=14)

# --- Static files ---------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
_collected = BASE_DIR / "staticfiles"
# `collectstatic` has run (the container's build does it): hashed names, cached for ever.
# Otherwise (a checkout) files are served from where they lie, without a build step.
COLLECTED = (_collected / "staticfiles.json").exists() or "collectstatic" in sys.argv[1:2]
STATIC_ROOT = _collected if COLLECTED else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "imsystem.http.storage.ModuleManifestStorage"
        if COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# A checkout's files may change under a running server; WhiteNoise must look each time.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not COLLECTED
WHITENOISE_MAX_AGE = 60

# --- Metrics --------------------------------------------------------------------------------
METRICS_TOKEN = setting("METRICS_TOKEN")

# --- Logging --------------------------------------------------------------------------------
LOG_LEVEL = choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOG_FORMAT = choice("LOG_FORMAT", "plain", ("plain", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "imsystem.ops.logs.PlainFormatter"},
        "json": {"()": "imsystem.ops.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "plain",
            # Not sys.stderr: with json, that turns what is printed into entries (ops/stdio.py).
            **({"stream": "ext://sys.__stderr__"} if LOG_FORMAT == "json" else {}),
        },
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # Started by their own commands, they have set these up before with handlers of their own.
        **{name: {"handlers": [], "propagate": True} for name in ("uvicorn", "daphne")},
        # Addresses with tickets: uvicorn logs those of handshakes at INFO, and of all requests.
        "uvicorn.error": {"handlers": [], "level": "WARNING"},
        "uvicorn.access": {"handlers": [], "level": "WARNING"},
        # A scanner with a made-up Host would fill the log with tracebacks; it gets its 400.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
