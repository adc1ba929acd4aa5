"""The program's icon in the forms that desktops ask for, drawn from the one SVG."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DRAWING = ROOT / "resources" / "icons" / "app.svg"
SIZES = (16, 24, 32, 48, 64, 128, 256)


def write_pngs(folder: Path) -> dict[int, Path]:
    """One PNG a size; the files by size in pixels."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QSize
    from PySide6.QtGui import QGuiApplication, QIcon

    _app = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    folder.mkdir(parents=True, exist_ok=True)
    files = {size: folder / f"{size}.png" for size in SIZES}
    for size, file in files.items():
        if not QIcon(str(DRAWING)).pixmap(QSize(size, size)).save(str(file)):
            raise SystemExit(f"icons: {file} could not be written")
    return files


def write_ico(target: Path) -> Path:
    """The file that Windows wants, all sizes in it."""
    from PIL import Image

    files = write_pngs(target.parent / "icons")
    with Image.open(files[max(SIZES)]) as largest:
        largest.save(target, sizes=[(size, size) for size in SIZES])
    return target


def version_resource() -> Any:
    """What Windows shows of the program's file: name, version, licence."""
    from PyInstaller.utils.win32 import versioninfo

    sys.path.insert(0, str(ROOT))
    from pos_app import __version__

    parts = tuple(int(part) for part in __version__.split("."))
    numbers = (*parts, *(0,) * (4 - len(parts)))
    words = {
        "FileDescription": "Till", "ProductName": "Till", "FileVersion": __version__, "ProductVersion": __version__,
        "LegalCopyright": "MIT", "OriginalFilename": "pos-app.exe",
    }  # fmt: skip
    table = versioninfo.StringTable("040904B0", [versioninfo.StringStruct(*pair) for pair in words.items()])
    return versioninfo.VSVersionInfo(
        ffi=versioninfo.FixedFileInfo(filevers=numbers, prodvers=numbers),
        kids=[
            versioninfo.StringFileInfo([table]),
            versioninfo.VarFileInfo([versioninfo.VarStruct("Translation", [0x409, 1200])]),
        ],
    )
