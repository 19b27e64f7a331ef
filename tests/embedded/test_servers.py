"""Real servers: they answer, keep their data, and leave the machine as it was."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import psycopg
import pytest
import redis

from dexproject.embedded.console import Console
from dexproject.embedded.errors import LauncherError, Refused
from dexproject.embedded.lock import DataLock
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.servers import Servers
from dexproject.embedded.supervisor import Supervisor
from dexproject.embedded.urls import GivenUrls

from .waiting import is_gone, wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def home(tmp_path: Path) -> DataDirectory:
    found = DataDirectory(tmp_path / "data")
    found.make()
    return found


@pytest.fixture
def lock(home: DataDirectory) -> Iterator[DataLock]:
    held = DataLock(home.lock)
    yield held
    held.release()


def test_temporary_servers_answer_and_vanish() -> None:
    with Servers.temporary() as servers:
        pids = [process.popen.pid for process in servers.processes]
        root = servers.home.root
        with psycopg.connect(servers.database_url) as connection:
            row = connection.execute(
                "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database"
                " WHERE datname = current_database()"
            ).fetchone()
        with redis.Redis.from_url(servers.redis_url) as client:
            policy = client.config_get("maxmemory-policy")
            append_only = client.config_get("appendonly")
        environment = servers.environment()
    assert row == ("C", "UTF8")
    assert policy == {"maxmemory-policy": "noeviction"} if isinstance(policy, dict) else False
    assert append_only == {"appendonly": "yes"}
    assert environment["DATABASE_URL"] == servers.database_url
    assert environment["REDIS_URL"] == servers.redis_url
    assert all(is_gone(pid) for pid in pids)
    assert not root.exists()


def test_servers_want_their_passwords(home: DataDirectory, lock: DataLock) -> None:
    with Servers(home, lock, durable=False) as servers:
        secrets = servers.credentials
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(servers.database_url.replace(secrets.database_password, "wrong"))
        without = servers.redis_url.replace(f":{secrets.redis_password}@", "")
        with redis.Redis.from_url(without) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
    lines = [" ".join(process.spec.argv) for process in servers.processes]
    assert len(lines) == 2
    assert not [line for line in lines if secrets.database_password in line]
    assert not [line for line in lines if secrets.redis_password in line]


def test_data_survives_a_stop_and_a_kill(home: DataDirectory, lock: DataLock) -> None:
    with Servers(home, lock) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (1)")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.set("kept", "1")
    with Servers(home, lock) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("INSERT INTO kept VALUES (2)")
        with redis.Redis.from_url(servers.redis_url) as client:
            client.set("kept", "2")
        for process in servers.processes:
            process.kill()
        # A dead server's pid file that names a living process of somebody else.
        pid_file = home.postgres / "postmaster.pid"
        pid_file.write_text(f"{os.getpid()}\n")
    with Servers(home, lock) as servers:
        with psycopg.connect(servers.database_url) as connection:
            rows = connection.execute("SELECT number FROM kept ORDER BY 1").fetchall()
        with redis.Redis.from_url(servers.redis_url) as client:
            value = client.get("kept")
    assert rows == [(1,), (2,)]
    assert value == b"2"


def test_servers_that_die_are_started_again_at_the_same_place(
    home: DataDirectory, lock: DataLock
) -> None:
    screen = StringIO()
    supervisor = Supervisor(Console(screen))
    with Servers(home, lock, durable=False) as servers:
        for process in servers.processes:
            supervisor.adopt(process)
        for process in servers.processes:
            os.kill(process.popen.pid, signal.SIGKILL)

        def both_answer() -> bool:
            try:
                psycopg.connect(servers.database_url, connect_timeout=2).close()
                with redis.Redis.from_url(servers.redis_url) as client:
                    return bool(client.ping())
            except (psycopg.OperationalError, redis.RedisError):
                return False

        supervisor.wait_until(lambda: screen.getvalue().count("starting it again") >= 2)
        supervisor.wait_until(both_answer)
        supervisor.stop()
    assert "postgres ended (signal SIGKILL)" in screen.getvalue()
    assert "valkey ended (signal SIGKILL)" in screen.getvalue()


def test_a_cluster_of_another_version_is_refused(home: DataDirectory, lock: DataLock) -> None:
    home.postgres.mkdir()
    home.secrets.unlink(missing_ok=True)
    with pytest.raises(Refused, match=r"secrets\.json is missing"):
        Servers(home, lock)
    home.postgres.rmdir()
    servers = Servers(home, lock)
    home.postgres.mkdir()
    (home.postgres / "PG_VERSION").write_text("9\n")
    with pytest.raises(Refused, match=r"pgdata was made by PostgreSQL 9 and the server is \d+;"):
        servers.start()
    assert not [process for process in servers.processes if process.running]


def test_a_server_that_cannot_start_says_why(home: DataDirectory, lock: DataLock) -> None:
    home.valkey.mkdir()
    (home.valkey / "appendonlydir").write_text("not a directory")
    servers = Servers(home, lock, durable=False)
    with pytest.raises(LauncherError, match=r"^Valkey does not start: .*appendonlydir"):
        servers.start()
    assert not [process for process in servers.processes if process.running]


def test_a_given_server_is_used_and_not_started(home: DataDirectory, lock: DataLock) -> None:
    with Servers.temporary() as others:
        given = GivenUrls(database=others.database_url, redis=others.redis_url)
        with Servers(home, lock, given=given) as servers:
            assert servers.processes == []
            assert servers.database_url == others.database_url
            assert servers.environment()["REDIS_URL"] == others.redis_url
        assert not home.postgres.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_as_root_the_database_runs_as_nobody_below_a_private_directory(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    home = DataDirectory(private / "data")
    home.make()
    lock = DataLock(home.lock)
    with Servers(home, lock, durable=False) as servers:
        postgres = next(found for found in servers.processes if found.spec.name == "postgres")
        status = Path(f"/proc/{postgres.popen.pid}/status").read_text()
        user = next(line for line in status.splitlines() if line.startswith("Uid:"))
    lock.release()
    assert "0" not in user.split()[1:]
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


LAUNCHER = """\
import sys
from pathlib import Path
from dexproject.embedded.lock import DataLock
from dexproject.embedded.paths import DataDirectory
from dexproject.embedded.servers import Servers
home = DataDirectory(Path(sys.argv[1]))
servers = Servers(home, DataLock(home.lock), durable=False)
servers.start()
print(*[process.popen.pid for process in servers.processes], flush=True)
import time
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of the dead")
def test_a_killed_launcher_leaves_no_server_and_no_lock_behind(home: DataDirectory) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(home.root)], stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout is not None
        pids = [int(word) for word in launcher.stdout.readline().split()]
        launcher.kill()
        launcher.wait()
    assert len(pids) == 2
    wait_for(lambda: all(is_gone(pid) for pid in pids), "the servers are gone")
    lock = DataLock(home.lock)
    with Servers(home, lock, durable=False) as servers:
        psycopg.connect(servers.database_url).close()
    lock.release()
