"""Settings, all from the environment (docs/DEPLOYMENT.md lists the variables)."""

import os
from pathlib import Path

from django.utils.crypto import get_random_string
from kombu import Queue

from dexproject import environment

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.flag("DEX_DEBUG")
# A process without a key can be imported (a shell, a type check) but shares no session with
# others; the system check paper_trading.E002 refuses to serve like that.
SECRET_KEY_IS_SET = bool(environment.text("DEX_SECRET_KEY"))
SECRET_KEY = environment.text("DEX_SECRET_KEY") or get_random_string(50)
ALLOWED_HOSTS = environment.words("DEX_ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = environment.words("DEX_CSRF_TRUSTED_ORIGINS", "")
FLOWER_URL = environment.text("DEX_FLOWER_URL")

DATABASES = {"default": environment.database()}
REDIS_URL = environment.redis()
BROKER_DB, CACHE_DB, EVENTS_DB = 0, 1, 2

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "django_celery_beat",
    "paper_trading",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "dexproject.urls"
ASGI_APPLICATION = "dexproject.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator")
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
# The image collects its files; without a folder for them the app's own are served as they are.
STATIC_ROOT = environment.text("DEX_STATIC_ROOT") or None
WHITENOISE_USE_FINDERS = STATIC_ROOT is None

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HTTPS = environment.flag("DEX_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_HTTPS
if SECURE_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# The pipeline.
ANALYSIS_WIDTH = environment.integer("DEX_ANALYSIS_WIDTH", 16, 1, 64)
# Ticks open at once, of all sessions: about four a core that the workers have.
OPEN_TICKS = environment.integer("DEX_OPEN_TICKS", 4 * (os.cpu_count() or 1), 1, 10_000)
# Signals of the user's own, and the processor time that one reading of them may take.
SIGNALS_DIR = environment.folder("DEX_SIGNALS_DIR")
SIGNAL_SECONDS = environment.integer("DEX_SIGNAL_MS", 50, 1, 1000) / 1000

# Live prices. Keys are read here and shown nowhere; an RPC address may hold one, too.
ALLOW_PRIVATE_SOURCES = environment.flag("DEX_ALLOW_PRIVATE_SOURCES")
COINGECKO_DEMO_KEY = environment.key("DEX_COINGECKO_DEMO_KEY")
COINGECKO_PRO_KEY = environment.key("DEX_COINGECKO_PRO_KEY")
ALCHEMY_KEY = environment.key("DEX_ALCHEMY_KEY")
_COINGECKO_HOST = "pro-api.coingecko.com" if COINGECKO_PRO_KEY else "api.coingecko.com"
SOURCE_URLS = {
    source: environment.url(variable, default, allow_private=ALLOW_PRIVATE_SOURCES)
    for source, variable, default in (
        ("dexscreener", "DEX_DEXSCREENER_URL", "https://api.dexscreener.com"),
        ("geckoterminal", "DEX_GECKOTERMINAL_URL", "https://api.geckoterminal.com/api/v2"),
        ("coingecko", "DEX_COINGECKO_URL", f"https://{_COINGECKO_HOST}/api/v3"),
        ("defillama", "DEX_DEFILLAMA_URL", "https://coins.llama.fi"),
        ("alchemy", "DEX_ALCHEMY_URL", "https://api.g.alchemy.com"),
    )
}
# By price chain; those that are set.
RPC_URLS = {
    chain: address
    for chain, variable in (
        (1, "DEX_RPC_URL_1"),
        (8453, "DEX_RPC_URL_8453"),
        (42161, "DEX_RPC_URL_42161"),
    )
    if (address := environment.url(variable, allow_private=ALLOW_PRIVATE_SOURCES, allow_query=True))
}
# In place of what the plans of these providers allow; 0 leaves that.
COINGECKO_PER_MINUTE = environment.integer("DEX_COINGECKO_PER_MINUTE", 0, 0, 100_000)
COINGECKO_PER_MONTH = environment.integer("DEX_COINGECKO_PER_MONTH", 0, 0, 1_000_000_000)
RPC_PER_MINUTE = environment.integer("DEX_RPC_PER_MINUTE", 0, 0, 100_000)
RPC_PER_MONTH = environment.integer("DEX_RPC_PER_MONTH", 0, 0, 1_000_000_000)

# Celery. Messages are hints, rows are truth: no result backend, ids only, JSON only.
CELERY_BROKER_URL = f"{REDIS_URL}/{BROKER_DB}" if REDIS_URL else ""
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "dex:",
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TASK_QUEUES = [Queue(name) for name in ("ticks", "analysis", "maintenance")]
CELERY_TASK_DEFAULT_QUEUE = "ticks"
CELERY_TASK_CREATE_MISSING_QUEUES = False
# On Redis 0 is the most urgent. What was begun is finished before anything new begins, and
# exits come before analysis: an overloaded worker closes some ticks and skips slots, instead
# of working on all of them at once until every one is past its deadline.
CELERY_TASK_ROUTES = {
    "tasks.execution": {"queue": "ticks", "priority": 0},
    "tasks.close": {"queue": "ticks", "priority": 0},
    "tasks.prices": {"queue": "ticks", "priority": 3},
    "tasks.auto_close": {"queue": "ticks", "priority": 3},
    "tasks.analysis": {"queue": "analysis", "priority": 6},
    "tasks.metrics": {"queue": "maintenance", "priority": 6},
    "tasks.open_due_ticks": {"queue": "ticks", "priority": 9},
    "tasks.open_manual_tick": {"queue": "ticks", "priority": 9},
    "tasks.tend_live_markets": {"queue": "maintenance", "priority": 9},
    "tasks.sweep": {"queue": "maintenance", "priority": 9},
    "tasks.review_pairs": {"queue": "maintenance", "priority": 9},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.05}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 8
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"news": {"()": "paper_trading.services.sources.live.news.News"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "paper_trading": {"level": environment.text("DEX_LOG_LEVEL", "INFO").upper()},
        "tasks": {"level": environment.text("DEX_LOG_LEVEL", "INFO").upper()},
        # Pools are read at every tick, and one that is not as it should be stays so for days.
        "paper_trading.services.sources.live.pool_state": {"filters": ["news"]},
        # Beat sends several messages a second; its INFO lines would bury everything else.
        "celery.beat": {"level": "WARNING"},
        # Flower asks workers that are not up yet and warns about each question.
        "flower.inspector": {"level": "ERROR"},
    },
}
