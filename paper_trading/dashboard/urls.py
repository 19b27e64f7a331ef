"""Addresses of the dashboard."""

from django.urls import path

from paper_trading.dashboard import actions, views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("accounts/<int:account_id>/", views.account_page, name="account"),
    path("accounts/<int:account_id>/panels/", views.all_panels, name="panels"),
    path("accounts/<int:account_id>/panels/<slug:name>/", views.panel, name="panel"),
    path("accounts/<int:account_id>/pause/", actions.pause, name="pause"),
    path("accounts/<int:account_id>/resume/", actions.resume, name="resume"),
    path("accounts/<int:account_id>/tick/", actions.tick, name="tick"),
    path("accounts/<int:account_id>/close/", actions.close, name="close"),
]
