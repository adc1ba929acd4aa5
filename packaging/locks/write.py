"""Writes every lock, then tries each one dry on every platform: `make locks`.

A lock is what a resolver makes of `pyproject.toml` and of the short `.in` files beside this one; nobody edits it.
What is pinned stays as it is while it still fits; `make locks UPGRADE=1` takes what is newest.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path("packaging/locks")
UV = Path(sys.executable).parent / "uv"
OLDEST_PYTHON = "3.11"
NEWEST_PYTHON = "3.13"


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock.

    Args:
        name: Of its file, without `.lock`.
        sources: What the resolver reads: files, `extra:NAME` or `group:NAME` of pyproject.toml.
    """

    name: str
    sources: tuple[str, ...]

    @property
    def file(self) -> Path:
        return HERE / f"{self.name}.lock"


def extras() -> tuple[str, ...]:
    """The extras that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return tuple(f"extra:{name}" for name in sorted(project["optional-dependencies"]))


def locks() -> tuple[Lock, ...]:
    """All of them. The first holds most: the others take their versions from it."""
    return (
        Lock("dev", ("pyproject.toml", *extras(), "group:dev", "build.in")),
        Lock("base", ("pyproject.toml",)),
        *(Lock(extra.partition(":")[2], ("pyproject.toml", extra)) for extra in extras()),
        *(Lock(source.stem, (source.name,)) for source in sorted((ROOT / HERE).glob("*.in"))),
    )


def arguments_of(source: str) -> list[str]:
    """How the resolver is told of a source."""
    kind, _, name = source.partition(":")
    if name:
        return [f"--{kind}", name]
    return [source if source == "pyproject.toml" else str(HERE / source)]


def write(lock: Lock, *, shared: Path | None, upgrade: bool) -> None:
    """Has the resolver write one lock, for all platforms and Pythons at once."""
    command = [str(UV), "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
    command += ["--generate-hashes", "--no-annotate", "--custom-compile-command", "make locks"]
    command += ["--upgrade"] if upgrade else []
    command += ["--constraint", str(shared)] if shared else []
    for source in lock.sources:
        command += arguments_of(source)
    subprocess.run([*command, "--output-file", str(lock.file)], cwd=ROOT, check=True)
    pins = [line for line in (ROOT / lock.file).read_text("utf-8").splitlines() if line[:1].isalnum()]
    print(f"{lock.file}: {len(pins)} packages")


PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_36",
    "Linux arm64 (glibc 2.39 and newer)": "aarch64-manylinux_2_39",
    "Linux arm64 (glibc 2.36)": "aarch64-manylinux_2_36",
    "Windows x86-64": "x86_64-pc-windows-msvc",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Windows arm64": "aarch64-pc-windows-msvc",
}
"""What a merchant may have, each as the resolver calls it. Debian 12 has glibc 2.36, Debian 13 2.41."""

WITHOUT_WHEELS = {
    # Qt's wheels for arm64 begin at glibc 2.39.
    "Linux arm64 (glibc 2.36)": {"window", "dev"},
    # The library for encryption makes no wheels there.
    "macOS x86-64": {"base", "window", "relay", "dev"},
    "Windows arm64": {"base", "window", "relay", "dev"},
}
"""Locks that cannot be installed there, because a library in them has no wheel. The README names these."""

ONLY_ON = {"fuzz": {"Linux x86-64"}}
"""Locks that are meant for some platforms alone."""


def fits(lock: Lock, platform: str, python: str) -> str:
    """What hinders a platform from installing a lock; empty if nothing does. Nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(UV), "pip", "install", "--quiet", "--dry-run", "--require-hashes", "--only-binary", ":all:"]
        command += ["--python-platform", PLATFORMS[platform], "--python-version", python]
        done = subprocess.run(
            [*command, "--target", folder, "-r", str(lock.file)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    return "" if done.returncode == 0 else done.stderr.strip() or f"ended with {done.returncode}"


def try_all() -> list[str]:
    """Tries each lock on each platform, with the oldest Python and the newest; returns what is not as it should be."""
    faults = []
    for platform in PLATFORMS:
        for lock in locks():
            if platform not in ONLY_ON.get(lock.name, PLATFORMS):
                continue
            is_wanted = lock.name not in WITHOUT_WHEELS.get(platform, set())
            for python in (OLDEST_PYTHON, NEWEST_PYTHON):
                hindrance = fits(lock, platform, python)
                if is_wanted and hindrance:
                    faults.append(f"{lock.name} on {platform}, Python {python}: {hindrance}")
                elif not is_wanted and not hindrance:
                    faults.append(
                        f"{lock.name} on {platform}, Python {python}: has wheels now; say so here and in README"
                    )
        without = sorted(WITHOUT_WHEELS.get(platform, ()))
        print(f"tried dry: {platform}" + (f", where there are no wheels for {', '.join(without)}" if without else ""))
    return faults


def main() -> None:
    """Ends with 1 where a lock does not hold what it should."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--upgrade", action="store_true", help="take the newest versions")
    upgrade = reader.parse_args().upgrade
    first, *others = locks()
    write(first, shared=None, upgrade=upgrade)
    for lock in others:
        write(lock, shared=first.file, upgrade=upgrade)
    faults = try_all()
    if faults:
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
