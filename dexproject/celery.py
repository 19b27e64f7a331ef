"""The Celery app: configuration, connection keeping, and children that die with the worker."""

import ctypes
import gc
import os
import signal
import sys
from typing import Any

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dexproject.settings")

app = Celery("dexproject")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["tasks"], related_name="")
# Celery's Django fix-up closes the connection around every task (2 ms each) unless told
# otherwise; close_old_connections below keeps the checks that matter.
app.conf.CELERY_DB_REUSE_MAX = 10**9

_PR_SET_PDEATHSIG = 1


@task_prerun.connect
@task_postrun.connect
def drop_broken_connections(**_: Any) -> None:
    """Close a database connection that failed; keep a healthy one for the next task."""
    from django.db import close_old_connections

    close_old_connections()


@worker_process_init.connect
def start_child(**_: Any) -> None:
    """Begin a pool child: nothing inherited over the fork, and no life without the parent."""
    from django.db import connections

    from paper_trading.services import live_markets, redis_client

    # What was imported never dies: keep the collector from walking it in every task.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    connections.close_all()
    redis_client.forget()
    live_markets.forget()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
