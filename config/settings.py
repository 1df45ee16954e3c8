"""Django's settings, read from the environment."""

import django_stubs_ext

from config import appearance, error_reports
from config import env as environment
from config.env import BASE_DIR, env

django_stubs_ext.monkeypatch()

SIGNALBOX_HOME = environment.home()
DEBUG = environment.debug()
SECRET_KEY = environment.secret_key()
SIGNALBOX_KEKS = environment.key_encryption_keys()
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=["*"] if DEBUG else ["localhost", "127.0.0.1"]
)
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO").upper()
SENTRY_DSN = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    error_reports.report_to(SENTRY_DSN)
WEB_WORKERS = environment.web_workers()
DATABASE_URL = env.str(
    "DATABASE_URL", default="postgres://postgres@127.0.0.1:5432/signalbox"
)
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
SPOOL_DIR = SIGNALBOX_HOME / "spool"
METRICS_DIR = SIGNALBOX_HOME / "metrics"
METRICS_TOKEN = env.str("SIGNALBOX_METRICS_TOKEN", default="")
TELEMETRY = environment.telemetry()
SIMULATOR_URL = env.str("SIGNALBOX_SIMULATOR_URL", default="http://127.0.0.1:8091")
TRUSTED_PROXIES = environment.trusted_proxies()
FAILED_KEYS_PER_MINUTE = env.int("SIGNALBOX_FAILED_KEYS_PER_MINUTE", default=60)
MAX_BODY_BYTES = env.int("SIGNALBOX_MAX_BODY_BYTES", default=20 * 1024 * 1024)
REQUEST_SECONDS = env.float("SIGNALBOX_REQUEST_SECONDS", default=600.0)
TARGET_CONCURRENCY = env.int("SIGNALBOX_TARGET_CONCURRENCY", default=500)
SPOOL_MAX_BYTES = env.int("SIGNALBOX_SPOOL_MAX_BYTES", default=4 * 1024**3)
EVENT_RETENTION_DAYS = env.int("SIGNALBOX_EVENT_RETENTION_DAYS", default=400)
END_USER_RETENTION_DAYS = env.int("SIGNALBOX_END_USER_RETENTION_DAYS", default=400)
REPORT_RETENTION_DAYS = env.int("SIGNALBOX_REPORT_RETENTION_DAYS", default=400)
WORKFLOW_RETENTION_DAYS = env.int("SIGNALBOX_WORKFLOW_RETENTION_DAYS", default=30)
AUDIT_ENABLED = env.bool("ORCHESTRATOR_ENABLE_AUDIT", default=True)
AUDIT_RETENTION_DAYS = env.int("SIGNALBOX_AUDIT_RETENTION_DAYS", default=0)
# Where people reach the admin: for links in messages and answers.
PUBLIC_URL = env.str("SIGNALBOX_PUBLIC_URL", default="").rstrip("/")
APPROVAL_HOURS = env.float("SIGNALBOX_APPROVAL_HOURS", default=24.0)
WEBHOOK_PRIVATE_ADDRESSES = env.bool(
    "SIGNALBOX_WEBHOOK_PRIVATE_ADDRESSES", default=False
)
AUTO_APPROVE_THRESHOLD_USD = env.str(
    "ORCHESTRATOR_AUTO_APPROVE_THRESHOLD_USD", default="1.00"
)
DEFAULT_PROVIDER = env.str("ORCHESTRATOR_DEFAULT_PROVIDER", default="")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.inlines",
    "tenants.sign_in.apps.SignalboxAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "django_celery_beat",
    "pgtrigger",
    "pghistory",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "tenants",
    "catalog",
    "usage",
    "gateway",
    "workflows",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.headers.ContentSecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.sign_in.requirement.TwoFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pghistory.middleware.HistoryMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
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

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 3)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "config.cache.LastingCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "sb:django",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"django.contrib.auth.password_validation.{name}",
    }
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
REQUIRE_TWO_FACTOR = environment.require_two_factor()
OIDC = environment.oidc()
ACCOUNT_ADAPTER = "tenants.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
# Failed attempts, from one address and at one user.
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/5m/key"}
MFA_ADAPTER = "tenants.sign_in.adapters.MFAAdapter"
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# One step of 30 seconds, for clocks that are a little off.
MFA_TOTP_TOLERANCE = 1
SOCIALACCOUNT_ADAPTER = "tenants.sign_in.oidc.SocialAccountAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC["name"],
                "client_id": OIDC["client_id"],
                "secret": OIDC["client_secret"],
                "settings": {"server_url": OIDC["issuer"]},
            }
        ],
    }
}

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="signalbox@localhost")
EMAIL_TIMEOUT = 10

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = env.bool("SIGNALBOX_HTTPS", default=False)
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE
# Only behind a proxy that sets it itself may this header be believed.
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SESSION_COOKIE_SECURE
SECURE_HSTS_PRELOAD = SESSION_COOKIE_SECURE
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

REST_FRAMEWORK = {
    # Routes deny by default: each view names who may use it.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.permissions.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Signalbox",
    "DESCRIPTION": "A multi-tenant AI gateway whose configuration is a database.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PREPROCESSING_HOOKS": ["gateway.openapi.hooks.each_route_once"],
    "POSTPROCESSING_HOOKS": ["gateway.openapi.hooks.add_what_is_written"],
}

# Celery has a word of its own for Redis on a socket.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1).replace(
    "?db=", "?virtual_host=", 1
)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "signalbox"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "sb:celery:",
    "visibility_timeout": 3600,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DJANGO_CELERY_BEAT_TZ_AWARE = True

PGHISTORY_APPEND_ONLY = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.line_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "uvicorn.access": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        # It writes down whatever a page shows, such as a key that is shown once.
        "django.template": {"level": "INFO"},
    },
}

UNFOLD = appearance.UNFOLD
