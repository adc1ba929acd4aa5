"""A real PostgreSQL of the tests' own: made, started, killed and thrown away by them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path is not None, "PostgreSQL's server programs are missing: make dev installs them"
    return Path(on_path).parent


class Postgres:
    """One server on a port of its own, with everything forced to the disk as in a shop."""

    def __enter__(self) -> Self:
        self._bin = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self._count = 0
        # PostgreSQL refuses to run as root.
        self._as = []
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        words = ["-D", str(self._folder / "data"), "-A", "trust", "-U", "till", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*self._as, str(self._bin / "initdb"), *words], check=True, stdout=subprocess.DEVNULL, cwd="/")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://till@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of an empty one."""
        self._count += 1
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE mail_{self._count}")
        return self.url(f"mail_{self._count}")

    def start(self) -> None:
        ends = time.monotonic() + 60
        self._launch()
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < ends, (self._folder / "log").read_text()[-2000:]
                time.sleep(0.05)
                if self.process.poll() is not None:
                    # A child of the server that was killed is still on its way out, and holds its memory.
                    self._launch()
            else:
                return

    def _launch(self) -> None:
        words = ["-D", str(self._folder / "data"), "-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder)]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._as, str(self._bin / "postgres"), *words], stdout=log, stderr=log, cwd="/"
            )

    def kill(self) -> None:
        """A power cut: the server with all its children, at once."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        self.process.wait()
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                continue

    def restart(self) -> None:
        self.kill()
        self.start()
