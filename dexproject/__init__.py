"""The Django project. Importing it makes the Celery app known to `shared_task`."""

from dexproject.celery import app as celery_app

__all__ = ("celery_app",)
