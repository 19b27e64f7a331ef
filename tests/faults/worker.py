"""The worker of the stack with the faults in it: `python -m tests.faults.worker worker ...`."""

import os
import sys

import django
from celery.bin.celery import main

from dexproject.celery import app


def prepare() -> None:
    """Install the hooks before the pool forks, so that every child has them."""
    django.setup()
    app.loader.import_default_modules()
    from tests.faults import hooks, messages, plants
    from tests.faults.armory import PLANT, SEED, Armory
    from tests.faults.watch import Watch

    armory = Armory.of_environment()
    plants.install(os.environ[PLANT])
    hooks.install(Watch(armory))
    messages.install(armory, int(os.environ[SEED]))


if __name__ == "__main__":
    prepare()
    sys.argv = ["celery", "--app", "dexproject", "--quiet", *sys.argv[1:]]
    sys.exit(main())
