"""Files that appear whole or not at all: written under another name, forced to the disk, then named."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pos_app.common.errors import Outside
from pos_app.common.paths import make_private


@contextmanager
def whole_file(target: Path, *, code: str = "file.unwritable") -> Iterator[Path]:
    """A draft to write; it takes the target's place when the block ends well, and is gone if it does not.

    Args:
        target: Its folder is made where it is missing.
        code: Of the error.

    Raises:
        Outside: with that code (path); then the target is as it was.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        # Open for writing: some systems force nothing to the disk through a handle that only reads.
        with draft.open("r+b") as file:
            os.fsync(file.fileno())
        draft.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise Outside(code, path=str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Forces a folder to the disk: a file's new name is there after a power cut, too. Windows does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Some file systems (a share) cannot; the file itself is on the disk.
        return
    finally:
        os.close(handle)


def write_private(target: Path, content: bytes, *, code: str) -> None:
    """Replaces a file by one that only its owner can read.

    Raises:
        Outside: with the code given.
    """
    with whole_file(target, code=code) as draft:
        make_private(target.parent)
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
