"""Receipts on real paper, as far as a machine without a printer has it: PDF as a picture, bytes as a printer reads them."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.escpos_reader import Paper
from PIL import Image
from PySide6.QtWidgets import QApplication

from pos_app.common.errors import Mistake, Outside
from pos_app.domain.printing.receipt import Closing, Receipt
from pos_app.domain.values.money import Cents
from pos_app.domain.values.order_reference import Reference
from pos_app.gui import theme
from pos_app.receipts.code import search_of
from pos_app.receipts.layout import lay_out, lay_out_closing
from pos_app.receipts.painter import picture
from pos_app.receipts.paper import SHEETS, PaperKind
from pos_app.receipts.pdf import write_pdf
from pos_app.receipts.printers import printer_for
from pos_app.receipts.thermal_printer import CHUNK, ThermalPrinter, escpos_of

RECEIPT = Receipt(
    shop="Mama Njeri Groceries and General Supplies",
    till_label="Till 1 at the front door",
    cashier="Asha Wanjiru",
    header="Moi Avenue 12, Nairobi\n0712 000 000",
    footer="Asante, karibu tena! Goods once sold are exchanged within seven days.",
    day="2026-11-24",
    time="10:42",
    sale=17,
    reference=Reference("ABCDEFGHIJKL"),
    phone_masked="0712•••678",
    amount_cents=Cents(25_000_000),
    mpesa_codes=("TKN7RT61SV",),
    received_cents=Cents(25_000_000),
)
DOTS = 203


@pytest.fixture(autouse=True)
def fonts(qapp: QApplication) -> None:
    theme.load_fonts()


@pytest.mark.parametrize("paper", list(PaperKind))
def test_the_pdf_shows_everything_cuts_nothing_and_its_code_reads_back(paper: PaperKind, tmp_path: Path) -> None:
    target = write_pdf(lay_out(RECEIPT), paper, tmp_path / "receipt.pdf")
    words = subprocess.run(["pdftotext", "-layout", str(target), "-"], capture_output=True, text=True, check=True)
    shown = " ".join(words.stdout.split())
    for wanted in ("Mama Njeri", "Till 1 at the", "Asha Wanjiru", "2026-11-24", "10:42", "ABCDEFGHIJKL", "KSh 250,000",
                   "TKN7RT61SV", "0712•••678", "Not a tax invoice", "karibu tena"):  # fmt: skip
        assert wanted in shown, shown
    subprocess.run(
        ["pdftoppm", "-r", str(DOTS), "-png", "-singlefile", str(target), str(tmp_path / "page")], check=True
    )
    page = Image.open(tmp_path / "page.png").convert("L")
    sheet = SHEETS[paper]
    assert abs(page.width - sheet.width_mm / 25.4 * DOTS) <= 2
    ink = page.point(lambda shade: 255 if shade < 160 else 0).getbbox()
    assert ink is not None
    margin = (sheet.width_mm - sheet.column_mm) / 2 / 25.4 * DOTS - 2
    assert ink[0] >= margin and page.width - ink[2] >= margin, "the text leaves its column"
    assert ink[1] > 0 and ink[3] < page.height
    if paper is not PaperKind.A4:
        assert page.height - ink[3] < 12 / 25.4 * DOTS, "paper is wasted"
    read = subprocess.run(
        ["zbarimg", "-q", "--raw", str(tmp_path / "page.png")], capture_output=True, text=True, check=True
    )
    assert read.stdout.strip() == RECEIPT.lookup_text
    assert search_of(read.stdout) == "TKN7RT61SV"


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"is_copy": True}, "COPY"), ({"is_practice": True}, "PRACTICE"), ({"mpesa_codes": ()}, "code to follow"),
     ({"received_cents": Cents(0), "mpesa_codes": ()}, "This is no receipt."), ({"mpesa_codes": ("TKN7RT61SV", "TKN7RT61SW")}, "TKN7RT61SW")],
)  # fmt: skip
def test_what_is_special_stands_on_it_on_every_kind_of_paper(changed: dict, words: str, tmp_path: Path) -> None:
    elements = lay_out(replace(RECEIPT, **changed))
    target = write_pdf(elements, PaperKind.MM80, tmp_path / "receipt.pdf")
    shown = subprocess.run(["pdftotext", str(target), "-"], capture_output=True, text=True, check=True).stdout
    assert words in shown
    assert words in " ".join(Paper(escpos_of(elements, PaperKind.MM58), 32).lines)
    assert picture(elements, PaperKind.MM80).height() > 100


@pytest.mark.parametrize(("paper", "width"), [(PaperKind.MM58, 32), (PaperKind.MM80, 48)])
def test_a_thermal_printer_gets_nothing_wider_than_its_paper(paper: PaperKind, width: int) -> None:
    read = Paper(escpos_of(lay_out(RECEIPT), paper), width)
    text = "\n".join(read.lines)
    for wanted in ("TKN7RT61SV", "KSh 250,000", "ABCDEFGHIJKL", "0712***678", "Not a tax invoice", "2026-11-24  10:42"):
        assert wanted in text, text
    assert read.codes == [RECEIPT.lookup_text]
    assert read.cuts == 1
    large = next(line for line, size in zip(read.lines, read.sizes, strict=True) if "TKN7RT61SV" in line and size)
    assert large


@contextmanager
def printer_on_the_network(*, breaks: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """A socket that takes what a printer would take, or breaks in the middle."""
    taken: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            if breaks:
                connection.recv(10)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                return
            while chunk := connection.recv(65536):
                taken.append(chunk)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], taken
    finally:
        thread.join(timeout=10)
        listener.close()


def test_a_printer_on_the_network_gets_every_byte() -> None:
    elements = lay_out(RECEIPT)
    with printer_on_the_network() as (port, taken):
        printer_for(f"escpos:127.0.0.1:{port}").print(elements, PaperKind.MM80)
    assert b"".join(taken) == escpos_of(elements, PaperKind.MM80)


def test_a_long_receipt_gets_there_whole_and_so_does_the_next_one(tmp_path: Path) -> None:
    elements = lay_out(replace(RECEIPT, footer="Asante, karibu tena! " * 2_000))
    content = escpos_of(elements, PaperKind.MM80)
    assert len(content) > 4 * CHUNK
    with printer_on_the_network() as (port, taken):
        ThermalPrinter(f"127.0.0.1:{port}").print(elements, PaperKind.MM80)
    assert b"".join(taken) == content
    device = tmp_path / "lp0"
    device.touch()
    printer = ThermalPrinter(str(device))
    for _ in range(2):
        device.write_bytes(b"")
        printer.print(elements, PaperKind.MM80)
        assert device.read_bytes() == content


def test_the_paper_begins_anew_has_rules_and_its_code_stands_out() -> None:
    content = escpos_of(lay_out(RECEIPT), PaperKind.MM80)
    assert content.startswith(b"\x1b@"), "whatever the program before has left in the printer is gone"
    read = Paper(content, 48)
    assert read.lines.count("-" * 48) == 3


def test_a_printer_that_is_off_or_breaks_says_so(tmp_path: Path) -> None:
    elements = lay_out(RECEIPT)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(Outside) as caught:
        printer_for(f"escpos:127.0.0.1:{port}").print(elements, PaperKind.MM80)
    assert caught.value.code == "printer.failed"
    assert caught.value.params["detail"] == f"127.0.0.1:{port}: Connection refused"
    with printer_on_the_network(breaks=True) as (port, _taken), pytest.raises(Outside) as caught:
        ThermalPrinter(f"127.0.0.1:{port}").print(elements, PaperKind.MM80)
    assert caught.value.code == "printer.cut_off", "a part of it is on the paper: the next one is a copy"
    assert str(caught.value.params["detail"]).startswith(f"127.0.0.1:{port}: ")
    with pytest.raises(Outside):
        printer_for(f"escpos:{tmp_path}/no-such-device").print(elements, PaperKind.MM80)
    assert not list(tmp_path.iterdir())
    with pytest.raises(Outside):
        printer_for("No such printer").print(elements, PaperKind.MM80)
    with pytest.raises(Mistake):
        printer_for("").print(elements, PaperKind.MM80)


def test_a_device_file_gets_every_byte(tmp_path: Path) -> None:
    device = tmp_path / "lp0"
    device.touch()
    printer_for(f"escpos:{device}").print(lay_out(RECEIPT), PaperKind.MM58)
    assert device.read_bytes() == escpos_of(lay_out(RECEIPT), PaperKind.MM58)


@pytest.mark.parametrize("address", ["", "a b", "host:", "host:port", "http://x", "-" * 300])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(Mistake) as caught:
        printer_for(f"escpos:{address}")
    assert caught.value.code == "printer.address"


@pytest.mark.parametrize("paper", list(PaperKind))
def test_a_hash_copied_off_the_pdf_is_letter_for_letter_the_ledgers(paper: PaperKind, tmp_path: Path) -> None:
    last_hash = "ffifflfiflff" + "0f" * 26
    closing = Closing("Shop", "", "", "2026-11-24", "2026-11-24 18:05", 1, 1, Cents(100), 0, 0, 0, last_hash)
    target = write_pdf(lay_out_closing(closing), paper, tmp_path / "closing.pdf")
    shown = subprocess.run(["pdftotext", str(target), "-"], capture_output=True, text=True, check=True).stdout
    assert last_hash in "".join(shown.split())


def test_nothing_is_left_among_the_temporary_files() -> None:
    script = (
        "import tempfile, os\n"
        "before = set(os.listdir(tempfile.gettempdir()))\n"
        "from pos_app.receipts.thermal_printer import escpos_of\n"
        "from pos_app.receipts.paper import PaperKind\n"
        "escpos_of([], PaperKind.MM80)\n"
        "assert set(os.listdir(tempfile.gettempdir())) == before\n"
    )
    import sys

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", script], check=True, env={"TMPDIR": folder, "PATH": "/usr/bin"})
