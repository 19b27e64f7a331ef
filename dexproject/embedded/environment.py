"""The environment of the application's processes."""

import os
import sys
from pathlib import Path

from .options import ROOT

# Each of these decides where data goes or who may come in. The launcher sets them or leaves
# them unset; what the user's shell happens to hold does not count.
_OWNED = (
    "DATABASE_URL",
    "REDIS_URL",
    "DEX_SECRET_KEY",
    "DEX_ALLOWED_HOSTS",
    "DEX_ADMIN_PASSWORD",
    "DEX_DEBUG",
    "DEX_FLOWER_URL",
    "DJANGO_SETTINGS_MODULE",
)


def app_environment(database_url: str, redis_url: str, secret_key: str) -> dict[str, str]:
    """Return the environment of a process that uses these servers."""
    inherited = {name: value for name, value in os.environ.items() if not _is_owned(name)}
    # Named from where the user stands; the processes stand elsewhere.
    if inherited.get("DEX_SIGNALS_DIR"):
        inherited["DEX_SIGNALS_DIR"] = str(Path(inherited["DEX_SIGNALS_DIR"]).resolve())
    return inherited | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DEX_SECRET_KEY": secret_key,
        "DEX_ALLOWED_HOSTS": "127.0.0.1,localhost",
        "DJANGO_SETTINGS_MODULE": "dexproject.settings",
        "PYTHONUNBUFFERED": "1",
    }


def python(*arguments: str) -> tuple[str, ...]:
    """Return a command line of this Python."""
    return (sys.executable, *arguments)


def manage(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a management command."""
    return python(str(ROOT / "manage.py"), *arguments)


def relative(path: Path) -> str:
    """Return a path as short as it can be named from the current directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _is_owned(name: str) -> bool:
    return name in _OWNED or (name.endswith("_FILE") and name.removesuffix("_FILE") in _OWNED)
