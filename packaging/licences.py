"""The licences of all that the packaged program holds, collected from the packages themselves."""

from __future__ import annotations

import shutil
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("licen", "copying", "notice", "authors")
NOT_SHIPPED = {"pip", "wheel", "altgraph", "pefile", "macholib", "setuptools", "pyinstaller-hooks-contrib", "pos-app"}
"""What only builds. PyInstaller itself stays in: its starter is a part of the program."""
WITHOUT_TEXT = {
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt", "Qt.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt", "Qt.txt"),
}
"""Packages that bring no text of their licence, and the texts here that are theirs."""


def collect(folder: Path) -> dict[str, list[Path]]:
    """Copies each package's texts into a folder of its own; the files by the package's name."""
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, list[Path]] = {}
    for package in sorted(distributions(), key=_name):
        name = _name(package)
        if name in NOT_SHIPPED:
            continue
        texts = [HERE / "licences" / text for text in WITHOUT_TEXT.get(name, ())] or _texts_of(package)
        if not texts:
            raise SystemExit(
                f"licences: {name} brings no text of its licence; find it and add it to packaging/licences"
            )
        found[name] = [_copy(text, folder / name, texts) for text in texts]
    stdlib = Path(sysconfig.get_path("stdlib"))
    # On Windows it stands above the library.
    own = next(path / "LICENSE.txt" for path in (stdlib, stdlib.parent) if (path / "LICENSE.txt").exists())
    found["python"] = [_copy(own, folder / "python", [])]
    found["pos-app"] = [
        _copy(HERE.parent / "LICENSE", folder / "pos-app", []),
        _copy(HERE.parent / "resources" / "fonts" / "OFL.txt", folder / "pos-app", []),
        _copy(HERE.parent / "resources" / "icons" / "LICENSE.txt", folder / "pos-app", []),
    ]
    return found


def files(folder: Path) -> list[tuple[str, str]]:
    """The same for PyInstaller: each file, and its place beside the program."""
    return [
        (str(text), str(Path("licences") / text.parent.relative_to(folder)))
        for texts in collect(folder).values()
        for text in texts
    ]


def _name(package: Distribution) -> str:
    return package.metadata["Name"].lower().replace("_", "-").replace(".", "-")


def _texts_of(package: Distribution) -> list[Path]:
    listed = [Path(str(package.locate_file(file))) for file in package.files or () if ".dist-info" in str(file)]
    return [file for file in listed if file.is_file() and any(word in file.name.lower() for word in NAMES)]


def _copy(text: Path, folder: Path, beside: list[Path]) -> Path:
    """Two texts of one name, from two folders of a package, stay two."""
    is_twin = sum(other.name == text.name for other in beside) > 1
    target = folder / (f"{text.parent.name}-{text.name}" if is_twin else text.name)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(text, target)
    return target
