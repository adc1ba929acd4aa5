"""The wheel and the source archive, installed outside the checkout by what people use: pip, uv, pipx."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SHOWN = """
import sys
from pathlib import Path
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication
import pos_app
from pos_app.gui import theme
app = QApplication([])
theme.load_fonts()
theme.apply(app, dark=False)
assert "Noto Sans" in QFontDatabase.families(), QFontDatabase.families()
assert not theme.icon("app").isNull()
print(Path(pos_app.__file__).parent)
"""


@dataclass(frozen=True, slots=True)
class Built:
    """What is handed to people."""

    wheel: Path
    source: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation of the program, tried from another folder.

    Args:
        program: Its command.
        python: The Python that it runs with.
        home: Where it keeps its files.
    """

    program: Path
    python: Path
    home: Path

    def run(self, *words: str | Path, language: str = "en", code: int = 0) -> str:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("POS_APP_", "PYTHON"))}
        kept |= {"POS_APP_HOME": str(self.home), "POS_APP_ENVIRONMENT": "practice", "POS_APP_LANGUAGE": language}
        self.home.mkdir(exist_ok=True)
        done = subprocess.run(
            [self.program, *words], env=kept, cwd=self.home, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def takes_a_payment(self) -> None:
        paid = json.loads(self.run("request", "20", "0712345678", "--json").splitlines()[-1])
        assert (paid["state"], paid["outcome"]) == ("paid", "paid")
        assert "mauzo" in self.run("sales", language="sw")
        shown = Installed(self.python, self.python, self.home).run("-c", SHOWN)
        assert not Path(shown.strip()).is_relative_to(ROOT / "pos_app")


@pytest.fixture(scope="session")
def built(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    subprocess.run([BIN / "python", "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, timeout=100)
    return Built(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz")))


@pytest.fixture
def offline(wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installers take everything from the wheelhouse and leave nothing outside the test's folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))
    monkeypatch.setenv("PIP_CONSTRAINT", "")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheelhouse))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_TOOL_DIR", str(tmp_path / "tools"))
    monkeypatch.setenv("UV_TOOL_BIN_DIR", str(tmp_path / "bin"))
    monkeypatch.setenv("PIPX_HOME", str(tmp_path / "pipx"))
    monkeypatch.setenv("PIPX_BIN_DIR", str(tmp_path / "bin"))
    monkeypatch.setenv("PIPX_MAN_DIR", str(tmp_path / "man"))
    return tmp_path


def in_a_venv(folder: Path, what: str) -> Installed:
    """`pip install` of a distribution into an environment that was empty."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True, timeout=100)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", what], cwd=folder, check=True, timeout=300)
    return Installed(folder / "venv" / "bin" / "pos-app", python, folder / "home")


@pytest.mark.timeout(400)
def test_pip_installs_the_window_from_the_wheel(built: Built, offline: Path) -> None:
    in_a_venv(offline, f"{built.wheel}[window]").takes_a_payment()


@pytest.mark.timeout(400)
def test_uv_installs_the_window_from_the_source_archive(built: Built, offline: Path) -> None:
    command = [BIN / "uv", "tool", "install", "-q", "--python", sys.executable, f"pos-app[window] @ {built.source}"]
    subprocess.run(command, cwd=offline, check=True, timeout=300)
    python = offline / "tools" / "pos-app" / "bin" / "python"
    Installed(offline / "bin" / "pos-app", python, offline / "home").takes_a_payment()


@pytest.mark.timeout(400)
def test_pipx_installs_the_window_from_the_wheel(built: Built, offline: Path) -> None:
    command = [BIN / "pipx", "install", "-q", "--python", sys.executable, f"{built.wheel}[window]"]
    subprocess.run(command, cwd=offline, check=True, timeout=300)
    python = offline / "pipx" / "venvs" / "pos-app" / "bin" / "python"
    Installed(offline / "bin" / "pos-app", python, offline / "home").takes_a_payment()


@pytest.mark.timeout(400)
def test_the_relay_installs_without_qt(built: Built, offline: Path) -> None:
    relay = in_a_venv(offline, f"{built.wheel}[relay]")
    assert json.loads(relay.run("relay", "add-till", "front", "--json"))["till"] == "front"
    assert "front" in relay.run("relay", "list")
    # The window is not there, and says what to install.
    assert "pos-app[window]" in relay.run(code=2)
    listed = subprocess.run([relay.python, "-m", "pip", "list"], capture_output=True, text=True, check=True, timeout=60)
    assert "PySide6" not in listed.stdout
    assert "psycopg-binary" in listed.stdout


@pytest.mark.timeout(400)
def test_the_relay_of_a_server_holds_nothing_that_builds(wheelhouse: Path, offline: Path) -> None:
    """The script that docs/relay.md and the image call."""
    subprocess.run([sys.executable, "-m", "venv", offline / "venv"], check=True, timeout=100)
    python = offline / "venv" / "bin" / "python"
    subprocess.run(["sh", ROOT / "packaging" / "relay" / "install.sh", python], check=True, timeout=300)
    listed = subprocess.run(
        [python, "-m", "pip", "list"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "hatchling" not in listed
    assert "PySide6" not in listed
    subprocess.run([python, "-m", "pip", "check"], check=True, timeout=60)
    relay = Installed(python.parent / "pos-app", python, offline / "home")
    assert json.loads(relay.run("relay", "add-till", "front", "--json"))["till"] == "front"
