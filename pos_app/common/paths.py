"""Where the program keeps its files.

``POS_APP_HOME`` puts everything under one folder; without it the folders of the
operating system are used.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_APP = "pos-app"


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one installation.

    Practice, sandbox and production have a folder each, so that practice sales
    can never stand among real ones.
    """

    config: Path
    data: Path
    logs: Path
    exports: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def secrets_file(self) -> Path:
        return self.config / "secrets.toml"

    @property
    def lock_file(self) -> Path:
        return self.data / "till.lock"

    @property
    def front_door(self) -> Path:
        """Where the open window can be asked to show itself."""
        return self.data / "window"

    def of_environment(self, environment: str) -> Path:
        """The folder of the ledger of an environment (``practice``, ``sandbox``, ``production``)."""
        return self.data / environment

    def ledger_file(self, environment: str) -> Path:
        return self.of_environment(environment) / "ledger.sqlite3"

    def copies(self, environment: str) -> Path:
        return self.of_environment(environment) / "copies"

    def receipts(self, environment: str) -> Path:
        return self.of_environment(environment) / "receipts"


def home() -> Home:
    """The folders in use; nothing is created by asking."""
    one_folder = os.environ.get("POS_APP_HOME")
    if one_folder:
        root = Path(one_folder).expanduser().absolute()
        return Home(config=root, data=root, logs=root / "logs", exports=root / "exports")
    import platformdirs  # noqa: PLC0415 - not needed by a program started with POS_APP_HOME

    dirs = platformdirs.PlatformDirs(_APP, appauthor=False)
    return Home(
        config=dirs.user_config_path,
        data=dirs.user_data_path,
        logs=dirs.user_log_path,
        exports=dirs.user_documents_path / "M-PESA till",
    )


def resources() -> Path:
    """The folder of icons, fonts, sounds and translations, installed or in a checkout."""
    packaged = Path(__file__).parents[1] / "_resources"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "resources"


def make_private(folder: Path) -> Path:
    """Creates a folder that only its owner can read; one that was there stays as it is."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def keep_private(folder: Path) -> Path:
    """The same for a folder of the program's own: one that was there before is closed to others, too."""
    make_private(folder)
    mode = folder.stat().st_mode
    if mode & 0o077 and not mode & 0o1000:
        # Some file systems (a memory stick, a share) know no owners.
        with contextlib.suppress(OSError):
            folder.chmod(0o700)
    return folder


def touch_private(file: Path) -> None:
    """Creates a file that only its owner can read, if it is not there; closes one that is.

    What SQLite puts beside a database (WAL, SHM) takes its permissions, from the first byte on.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with contextlib.suppress(OSError):
        file.chmod(0o600)
