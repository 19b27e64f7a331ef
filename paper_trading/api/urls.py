"""Addresses of the JSON API, below /api/."""

from django.urls import path

from paper_trading.api import strategies, views

app_name = "api"
urlpatterns = [
    path("accounts/", views.accounts, name="accounts"),
    path("accounts/<int:account_id>/", views.account, name="account"),
    path("sessions/<int:session_id>/strategy/", strategies.strategy, name="strategy"),
]
