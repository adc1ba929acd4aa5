"""The packaged program: built here, tried as a shop would use it, and held against the list of what may be in it."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "packaging"))
import libraries  # noqa: E402


@pytest.mark.parametrize(
    ("name", "source", "stays"),
    [
        # Pillow's and psycopg's own: names that begin as the system's do, with a digest behind.
        ("pillow.libs/libXau-154567c4.so.6.0.0", "/v/site-packages/pillow.libs/libXau-154567c4.so.6.0.0", True),
        ("pillow.libs/libfreetype-57f805ba.so.6.20.6", "/v/site-packages/pillow.libs/libfreetype-57f805ba.so", True),
        ("psycopg_binary.libs/libkrb5-f18b4d11.so.3.3", "/v/site-packages/psycopg_binary.libs/libkrb5-f1.so", True),
        ("libssl.so.3", "/usr/lib/x86_64-linux-gnu/libssl.so.3", True),
        ("lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so", "/usr/lib/python3.11/lib-dynload/_ssl.so", True),
        ("libglib-2.0.so.0", "/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0", False),
        ("libgtk-3.so.0", "/lib/x86_64-linux-gnu/libgtk-3.so.0", False),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", "/v/site-packages/PySide6/Qt/plugins/…", False),
        ("PySide6\\translations\\qtbase_sw.qm", "C:\\v\\PySide6\\translations\\qtbase_sw.qm", False),
        ("PIL/_avif.cpython-311-x86_64-linux-gnu.so", "/v/site-packages/PIL/_avif.so", False),
    ],
)
def test_what_stays_in_the_package(name: str, source: str, stays: bool) -> None:
    assert (not libraries.is_unused(name) and not libraries.is_left_to_the_system(name, source)) is stays


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder and the Debian package; the script has tried them and ends with an error where they do not work."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("a Debian package is made on Debian")
    folder = tmp_path_factory.mktemp("dist")
    env = os.environ | {"PYTHON_FOR_POS_APP": sys._base_executable}
    words = ["bash", ROOT / "packaging" / "linux" / "package.sh", "here", folder]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "a receipt reaches a network printer, whole" in done.stdout
    assert "the mailbox in PostgreSQL keeps a callback" in done.stdout
    return folder


@pytest.mark.timeout(600)
def test_a_library_that_nobody_asked_for_and_one_that_is_missing_are_seen(out: Path) -> None:
    folder = out / "pos-app"
    assert libraries.faults_of(folder) == []
    held = folder / "_internal" / "libsqlite3.so.0"
    shutil.copy(held, folder / "_internal" / "libgtk-3.so.0")
    held.rename(folder / "kept")
    faults = libraries.faults_of(folder)
    (folder / "kept").rename(held)
    (folder / "_internal" / "libgtk-3.so.0").unlink()
    assert faults == [
        "_internal/libgtk-3.so.0: a library that nobody asked for",
        "libsqlite3.so.0: needed, and in no package that is depended on",
    ]


def test_the_debian_package_holds_what_desktops_and_lawyers_look_for(out: Path) -> None:
    package = next(out.glob("*.deb"))
    listed = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    for place in (
        "./usr/bin/pos-app -> /opt/pos-app/pos-app",
        "./usr/share/applications/pos-app.desktop",
        "./usr/share/metainfo/invalid.example.pos_app.metainfo.xml",
        "./usr/share/icons/hicolor/48x48/apps/pos-app.png",
        "./usr/share/man/man1/pos-app.1.gz",
        "./usr/share/man/sw/man1/pos-app.1.gz",
        "./usr/share/doc/pos-app/changelog.gz",
        "./usr/share/doc/pos-app/copyright",
        "./opt/pos-app/_internal/escpos/capabilities.json",
        "./opt/pos-app/_internal/licences/pyside6-essentials/LGPL-3.0.txt",
        "./opt/pos-app/_internal/licences/psycopg-binary/",
        "./opt/pos-app/_internal/licences/python/LICENSE.txt",
    ):
        assert f" {place}" in listed, place
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    told = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True, check=True).stdout
    assert "libcups2 | libcups2t64" in told
    assert "Installed-Size: " in told


@pytest.mark.parametrize(("place", "heading"), [("man1", ".SH COMMANDS"), ("sw/man1", ".SH AMRI")])
def test_the_man_page_says_what_the_command_line_takes(out: Path, tmp_path: Path, place: str, heading: str) -> None:
    subprocess.run(["dpkg-deb", "-x", next(out.glob("*.deb")), tmp_path], check=True)
    page = gzip.decompress((tmp_path / "usr" / "share" / "man" / place / "pos-app.1.gz").read_bytes()).decode()
    for word in (heading, "relay add\\-till", ".B \\-\\-accept\\-missing\\-end", "POS_APP_HOME"):
        assert word in page, word
