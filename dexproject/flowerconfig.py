"""Flower's configuration: its metrics, open by default, ask for the login like every other page."""

from flower.views.monitor import Metrics
from tornado.web import authenticated

Metrics.get = authenticated(Metrics.get)
