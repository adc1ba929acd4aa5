"""Makes a Debian package of a built folder, beside it: `deb.py dist/pos-app`.

All that a desktop and its software centre show is in it: icons, entry, AppStream's description, man pages in both
languages, changelog, and the licences of everything inside.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packaging"), str(ROOT / "packaging" / "linux")]
import icons  # noqa: E402
import libraries  # noqa: E402
from man import man_page  # noqa: E402

from pos_app import __version__  # noqa: E402

MAINTAINER = "The engineers of the till <till@example.invalid>"
"""No public address is kept yet: who publishes the package puts theirs here."""
SUGGESTS = "cups, gnome-keyring | kwalletmanager, postgresql"
DESCRIPTION = """till for M-PESA that never guesses about money
 The cashier types amount, phone and order reference; M-PESA's STK Push asks the
 customer for the PIN; the sale stands as waiting, then as paid with its code.
 Receipts, the day's ledger for the accountant, English and Kiswahili. The same
 program serves the mailbox for callbacks (pos-app relay)."""


def build(folder: Path, work: Path) -> Path:
    """Lays the tree out and packs it; the package."""
    tree = work / "deb"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(folder, tree / "opt" / "pos-app", symlinks=True)
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "usr" / "bin" / "pos-app").symlink_to("/opt/pos-app/pos-app")
    share = tree / "usr" / "share"
    _put(share / "applications" / "pos-app.desktop", _here("pos-app.desktop"))
    described = _here("metainfo.xml").replace("@VERSION@", __version__)
    _put(share / "metainfo" / "invalid.example.pos_app.metainfo.xml", described)
    for size, picture in icons.write_pngs(work / "icons").items():
        _place(picture, share / "icons" / "hicolor" / f"{size}x{size}" / "apps" / "pos-app.png")
    _place(icons.DRAWING, share / "icons" / "hicolor" / "scalable" / "apps" / "pos-app.svg")
    for language, place in (("en", "man1"), ("sw", "sw/man1")):
        _put_packed(share / "man" / place / "pos-app.1.gz", man_page(language))
    documents = share / "doc" / "pos-app"
    _put_packed(documents / "changelog.gz", _changelog((ROOT / "CHANGELOG.md").read_text("utf-8")))
    _put(documents / "copyright", _copyright(folder / "_internal" / "licences"))
    _put(tree / "DEBIAN" / "control", _control(tree))
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.name == "pos-app") else 0o644)
    package = folder.parent / f"pos-app_{__version__}_{_architecture()}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, package], check=True, stdout=subprocess.DEVNULL
    )
    return package


def _control(tree: Path) -> str:
    size = sum(path.lstat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
    fields = {
        "Package": "pos-app", "Version": __version__, "Architecture": _architecture(), "Maintainer": MAINTAINER,
        "Installed-Size": str(size), "Depends": libraries.depends(), "Recommends": "xdg-utils", "Suggests": SUGGESTS,
        "Section": "misc", "Priority": "optional", "Description": DESCRIPTION,
    }  # fmt: skip
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def _changelog(changes: str) -> str:
    """CHANGELOG.md as Debian writes it, dated by the commit."""
    dated = subprocess.run(["git", "log", "-1", "--format=%aD"], cwd=ROOT, capture_output=True, text=True, check=True)
    points = changes.partition(f"## {__version__}")[2].partition("\n## ")[0].partition("\n")[2].strip().splitlines()
    body = "".join(f"  * {line[2:]}\n" if line.startswith("- ") else f"    {line.strip()}\n" for line in points)
    return f"pos-app ({__version__}) unstable; urgency=medium\n\n{body}\n -- {MAINTAINER}  {dated.stdout}"


def _copyright(texts: Path) -> str:
    """The program's own licences in full, and where each library's stand."""
    head = "The till is under the MIT licence, its fonts under the OFL; both follow.\n\nWhat it is built with stands "
    head += "under\nlicences of its own, whose texts are in /opt/pos-app/_internal/licences, a folder each:\n\n"
    names = [f"  {folder.name}\n" for folder in sorted(texts.iterdir())]
    system = "\nQt, shiboken6 and psycopg: LGPL-3, /usr/share/common-licenses/LGPL-3 as well.\n"
    own = [text.read_text("utf-8") for text in sorted((texts / "pos-app").iterdir())]
    return head + "".join(names) + system + "".join(f"\n{'-' * 78}\n\n{text}" for text in own)


def _architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def _here(name: str) -> str:
    return (ROOT / "packaging" / "linux" / name).read_text("utf-8")


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _put(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")


def _put_packed(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    made = build(Path(sys.argv[1]), ROOT / "build" / "package")
    print(f"package: {made}, {made.stat().st_size / 1e6:.0f} MB")
