"""Websocket addresses."""

from django.urls import path

from paper_trading.api.consumers import EventsConsumer

websocket_urlpatterns = [path("ws/events/", EventsConsumer.as_asgi())]
