"""Which libraries the packaged program holds, and which it takes from the system: one list for all who ask.

The build leaves out what the lists leave out (`pos-app.spec`), the Debian package depends on what is left to the
system (`linux/deb.py`), and `python packaging/libraries.py dist/pos-app` holds a built folder against both.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path, PurePath

UNUSED = (
    # Qt: its own translations, spare platforms, network and Quick; and the theme that pulls in the builder's whole GTK.
    "*/translations/*", "libQt6Qml*", "libQt6Quick*", "libQt6Network*", "libQt6VirtualKeyboard*", "libQt6Pdf*",
    "libQt6WlShell*", "libQt6WaylandClient*", "libQt6WaylandEgl*", "libQt6Wayland*", "libQt6EglFS*", "libQt6EglFs*",
    "*/platforms/libqeglfs*", "*/platforms/libqlinuxfb*", "*/platforms/libqminimal*", "*/platforms/libqvk*",
    "*/platforms/libqvnc*", "*/platforms/libqwayland*", "*/wayland-*", "*/egldeviceintegrations/*",
    "*/networkinformation/*", "*/tls/*", "*/platforminputcontexts/*", "*/generic/*", "*/platformthemes/libqgtk3*",
    # Pictures of kinds that no receipt and no window has.
    "PIL/_avif*", "PIL/_webp*", "PIL/_imagingtk*", "PIL/_imagingcms*", "libavif*", "libwebp*", "libsharpyuv*",
    "liblcms2*",
    # Qt reads SVG and PNG here, nothing else.
    "*/imageformats/libqgif*", "*/imageformats/libqic*", "*/imageformats/libqjpeg*", "*/imageformats/libqpdf*",
    "*/imageformats/libqtga*", "*/imageformats/libqtiff*", "*/imageformats/libqwbmp*", "*/imageformats/libqwebp*",
)  # fmt: skip
"""What the packages bring and the program never opens; a folder of PySide6 or of another package stands for `*`."""

CARRIED_FROM_THE_SYSTEM = (
    "libpython3.*", "libssl.so.3", "libcrypto.so.3", "libffi.so.*", "libsqlite3.so.0", "libbz2.so.1.0", "liblzma.so.5",
    "libmpdec.so.*", "libuuid.so.1",
)  # fmt: skip
"""Of the builder's own libraries only those that its Python is linked with: their versions differ between systems."""

FROM_THE_PACKAGES = (
    "libQt6Core.so.6", "libQt6Gui.so.6", "libQt6Widgets.so.6", "libQt6PrintSupport.so.6", "libQt6Svg.so.6",
    "libQt6DBus.so.6", "libQt6OpenGL.so.6", "libQt6XcbQpa.so.6", "libicudata.so.*", "libicui18n.so.*", "libicuuc.so.*",
    "libpyside6*.so.*", "libshiboken6*.so.*", "Qt*.abi3.so", "Shiboken*.abi3.so",
    "libqxcb*.so", "libqoffscreen.so", "libqsvg*.so", "libcupsprintersupport.so", "libqxdgdesktopportal.so",
    # Pillow's and psycopg's own, by names with a digest; python-escpos needs the first, the relay the second.
    "lib*-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f].so*",
    # Modules of Python and of packages.
    "*.cpython-*.so", "*.abi3.so",
)  # fmt: skip
"""What else may stand in the folder. A name that fits nothing here is a library that nobody asked for."""

PROVIDED_BY = {
    "libc6": (
        "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libutil.so.1", "libresolv.so.2",
        "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
    ),
    "libstdc++6": ("libstdc++.so.6",),
    "libgcc-s1": ("libgcc_s.so.1",),
    "zlib1g": ("libz.so.1",),
    "libexpat1": ("libexpat.so.1",),
    "libegl1": ("libEGL.so.1",),
    "libgl1": ("libGL.so.1", "libGLX.so.0", "libOpenGL.so.0"),
    "libdbus-1-3": ("libdbus-1.so.3",),
    "libfontconfig1": ("libfontconfig.so.1",),
    "libfreetype6": ("libfreetype.so.6",),
    "libglib2.0-0": ("libglib-2.0.so.0", "libgthread-2.0.so.0"),
    "libxkbcommon0": ("libxkbcommon.so.0",),
    "libxkbcommon-x11-0": ("libxkbcommon-x11.so.0",),
    "libx11-6": ("libX11.so.6",),
    "libx11-xcb1": ("libX11-xcb.so.1",),
    "libxcb1": ("libxcb.so.1",),
    "libxcb-cursor0": ("libxcb-cursor.so.0",),
    "libxcb-glx0": ("libxcb-glx.so.0",),
    "libxcb-icccm4": ("libxcb-icccm.so.4",),
    "libxcb-image0": ("libxcb-image.so.0",),
    "libxcb-keysyms1": ("libxcb-keysyms.so.1",),
    "libxcb-randr0": ("libxcb-randr.so.0",),
    "libxcb-render0": ("libxcb-render.so.0",),
    "libxcb-render-util0": ("libxcb-render-util.so.0",),
    "libxcb-shape0": ("libxcb-shape.so.0",),
    "libxcb-shm0": ("libxcb-shm.so.0",),
    "libxcb-sync1": ("libxcb-sync.so.1",),
    "libxcb-util1": ("libxcb-util.so.1",),
    "libxcb-xfixes0": ("libxcb-xfixes.so.0",),
    "libxcb-xkb1": ("libxcb-xkb.so.1",),
    "libcups2": ("libcups.so.2",),
    "libzstd1": ("libzstd.so.1",),
}  # fmt: skip
"""Debian's packages and those of their libraries that the folder needs and does not hold."""

NEEDED_BY_SOME_PYTHONS = ("libexpat1",)
"""Debian's Python is linked with these; another may hold them itself."""

RENAMED = ("libglib2.0-0", "libcups2")
"""Packages that Debian 13 and newer Ubuntus call by the same name with `t64` behind it."""


def is_unused(name: str) -> bool:
    """Whether the program never opens this file of its packages, by its place in the folder."""
    path = name.replace("\\", "/")
    return any(fnmatch(path, pattern) or fnmatch(PurePath(path).name, pattern) for pattern in UNUSED)


def is_left_to_the_system(name: str, source: str) -> bool:
    """Whether a library of the builder's system stays there: all but those that its Python is linked with."""
    if not source.startswith(("/lib", "/usr/lib")) or "/dist-packages/" in source or "/python3" in source:
        return False
    return not _fits(PurePath(name).name, CARRIED_FROM_THE_SYSTEM)


def depends() -> str:
    """What the Debian package depends on."""
    return ", ".join(f"{name} | {name}t64" if name in RENAMED else name for name in sorted(PROVIDED_BY))


def faults_of(folder: Path) -> list[str]:
    """What stands in a built folder and should not, and what it needs that nothing provides."""
    held = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".so" in path.name]
    faults = [
        f"{path.relative_to(folder)}: a library that nobody asked for"
        for path in held
        if is_unused(str(path.relative_to(folder))) or not _fits(path.name, CARRIED_FROM_THE_SYSTEM + FROM_THE_PACKAGES)
    ]
    provided = {name for names in PROVIDED_BY.values() for name in names}
    names = {path.name for path in held}
    needed = {name for path in (folder / "pos-app", *held) for name in needed_by(path)}
    faults += [f"{name}: needed, and in no package that is depended on" for name in sorted(needed - names - provided)]
    faults += [
        f"{package}: depended on, and nothing needs it"
        for package, libraries in PROVIDED_BY.items()
        if package not in NEEDED_BY_SOME_PYTHONS and not needed & set(libraries)
    ]
    return faults


def needed_by(library: Path) -> Iterable[str]:
    """The libraries that the loader will look for."""
    told = subprocess.run(["objdump", "-p", library], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^ *NEEDED +(\S+)$", told, re.MULTILINE)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def main() -> None:
    """Ends with 1 and says it where a folder holds what it should not."""
    folder = Path(sys.argv[1])
    faults = faults_of(folder)
    if faults:
        raise SystemExit("\n".join(faults))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"package: {size / 1e6:.0f} MB, and no library in it that is not on the list")


if __name__ == "__main__":
    main()
