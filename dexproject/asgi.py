"""ASGI: pages over HTTP, events over a websocket that only logged-in owners get."""

import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.db import connections

# Requests run in threads that come and go; a connection kept for each would never be closed.
connections.settings["default"]["CONN_MAX_AGE"] = 0

# WhiteNoise answers with a synchronous file; ours are small and read in one go.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

# Before the routing, which imports models.
_pages = get_asgi_application()

from paper_trading.api.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": _pages,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
