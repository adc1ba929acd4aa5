"""Every lock is whole: whatever a pinned package requires is pinned beside it, on every platform."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "packaging" / "locks").glob("*.lock"))
PLATFORMS: dict[str, dict[str, str]] = {
    "here": {},
    "Linux arm64": {"platform_machine": "aarch64", "sys_platform": "linux", "platform_system": "Linux"},
    "Windows": {
        "platform_machine": "AMD64",
        "sys_platform": "win32",
        "platform_system": "Windows",
        "os_name": "nt",
    },
    "macOS": {"platform_machine": "arm64", "sys_platform": "darwin", "platform_system": "Darwin"},
}
PYTHONS = ("3.11", "3.12", "3.13")
PROGRAMS = {"pip", "coverage", "ruff", "mypy", "pyinstaller", "pytest", "packaging"}
"""What scripts call by its name, which is no list of packages; the last is a folder of ours, too."""


def environments() -> Iterator[dict[str, str]]:
    """What markers are held against: each platform with each Python."""
    for platform in PLATFORMS.values():
        for python in PYTHONS:
            yield {**default_environment(), **platform, "python_version": python, "python_full_version": f"{python}.7"}


def pins(lock: Path) -> list[Requirement]:
    lines = lock.read_text("utf-8").splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if line[:1].isalnum()]


def holds(one: Requirement, environment: Mapping[str, str], extra: str = "") -> bool:
    return one.marker is None or one.marker.evaluate({**environment, "extra": extra})


def of_project(lock: Path) -> list[Requirement]:
    """What a lock was asked for."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project, extras = whole["project"], whole["project"]["optional-dependencies"]
    source = lock.with_suffix(".in")
    asked: list[str] = []
    if source.exists():
        asked += [line for line in source.read_text("utf-8").splitlines() if line[:1].isalnum()]
    else:
        asked += project["dependencies"] + extras.get(lock.stem, [])
    if lock.stem == "dev":
        asked += whole["dependency-groups"]["dev"] + whole["build-system"]["requires"]
        asked += [one for each in extras.values() for one in each]
    if lock.stem == "build":
        asked += whole["build-system"]["requires"]
    return [Requirement(one) for one in asked]


@pytest.fixture(scope="session")
def requirements(wheelhouse: Path) -> dict[str, list[Requirement]]:
    """What each package says that it requires, by its own wheel."""
    found = {}
    for wheel in wheelhouse.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            named = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            headers = HeaderParser().parsestr(archive.read(named).decode("utf-8"))
        found[str(parse_wheel_filename(wheel.name)[0])] = [
            Requirement(line) for line in headers.get_all("Requires-Dist") or []
        ]
    return found


def required(
    asked: list[Requirement], requirements: Mapping[str, list[Requirement]], environment: Mapping[str, str]
) -> Iterator[Requirement]:
    """All that is needed for what was asked, through whatever that requires in turn."""
    waiting = [one for one in asked if holds(one, environment)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key in seen:
            continue
        seen.add(key)
        yield one
        # What is for another platform alone has no file here, and what it requires cannot be read.
        needs = requirements.get(key[0], [])
        waiting += [each for each in needs if any(holds(each, environment, extra) for extra in ("", *one.extras))]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_what_is_required_is_pinned(lock: Path, requirements: dict[str, list[Requirement]]) -> None:
    assert of_project(lock)
    missing = set()
    for environment in environments():
        pinned = {canonicalize_name(one.name): one for one in pins(lock) if holds(one, environment)}
        for needed in required(of_project(lock), requirements, environment):
            pin = pinned.get(canonicalize_name(needed.name))
            version = next(iter(pin.specifier)).version if pin else ""
            if not version or not needed.specifier.contains(version, prereleases=True):
                missing.add(f"{needed} ({environment['sys_platform']}, Python {environment['python_version']})")
    assert missing == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_pin_has_a_hash_and_no_address(lock: Path) -> None:
    text = lock.read_text("utf-8")
    for line, after in zip(text.splitlines(), [*text.splitlines()[1:], ""], strict=True):
        if line[:1].isalnum():
            assert "--hash=sha256:" in after, line
    assert "://" not in text
    assert "--index" not in text


def test_the_locks_agree() -> None:
    """Set-up installs one after the other into one environment."""
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for one in pins(lock):
            versions.setdefault(canonicalize_name(one.name), set()).add(str(one.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_no_script_lists_packages(requirements: dict[str, list[Requirement]]) -> None:
    """A list of names beside the locks broke the first command once: tomlkit stood in none."""
    listed = {}
    for script in [*(ROOT / "packaging").rglob("*.sh"), *(ROOT / "packaging").rglob("*.ps1"), ROOT / "Makefile"]:
        words = {canonicalize_name(word.strip("\"',()")) for word in script.read_text("utf-8").split()}
        found = (words & requirements.keys()) - PROGRAMS
        if found:
            listed[script.name] = found
    assert listed == {}
