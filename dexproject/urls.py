"""Addresses: the dashboard at the root, the API, the admin, login and health."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from paper_trading.api.health import health

urlpatterns = [
    path("healthz", health, name="health"),
    path("login/", auth_views.LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("api/", include("paper_trading.api.urls")),
    path("", include("paper_trading.dashboard.urls")),
]
