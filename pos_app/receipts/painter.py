"""Paints a receipt with Qt: on paper, in a PDF, or as a picture for the preview.

Painting needs a QGuiApplication and may be done on a thread of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QMarginsF, QRectF, QSizeF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPagedPaintDevice,
    QPageLayout,
    QPageSize,
    QPainter,
    QPainterPath,
    QPen,
)

from pos_app.receipts.layout import Code, Element, Pair, Rule, Size, Text
from pos_app.receipts.paper import A4_HEIGHT_MM, SHEETS, PaperKind, Sheet

MM_PER_INCH: Final = 25.4
POINTS_PER_INCH: Final = 72.0
_POINTS: Final = {Size.SMALL: 7.5, Size.NORMAL: 9.0, Size.LARGE: 13.0, Size.HUGE: 17.0}
_QR_MM: Final = 24.0
_GAP_MM: Final = 1.6


class Painter:
    """Lays a receipt out on one device, in the device's own dots.

    Args:
        dots_per_inch: Of the device.
        family: Of the font.
    """

    def __init__(self, sheet: Sheet, dots_per_inch: float, family: str = "Noto Sans") -> None:
        self._sheet = sheet
        self._dpmm = dots_per_inch / MM_PER_INCH
        self._dpi = dots_per_inch
        self._family = family
        self._left = (sheet.width_mm - sheet.column_mm) / 2 * self._dpmm
        self._width = sheet.column_mm * self._dpmm

    def height_mm(self, elements: Sequence[Element]) -> float:
        """How long the paper must be, margins included."""
        dots = sum(self._height(element) + self._gap for element in elements)
        return 2 * self._sheet.top_mm + dots / self._dpmm

    def paint(self, painter: QPainter, elements: Sequence[Element]) -> None:
        """Paints from the top."""
        top = self._sheet.top_mm * self._dpmm
        painter.setPen(QColor("black"))
        for element in elements:
            self._paint(painter, element, top)
            top += self._height(element) + self._gap

    @property
    def _gap(self) -> float:
        return _GAP_MM * self._sheet.scale * self._dpmm

    def _font(self, size: Size, *, is_bold: bool) -> QFont:
        font = QFont(self._family)
        font.setPixelSize(max(1, round(_POINTS[size] * self._sheet.scale / POINTS_PER_INCH * self._dpi)))
        font.setWeight(QFont.Weight.DemiBold if is_bold else QFont.Weight.Normal)
        # A hash copied off the PDF must be letters: "ff" drawn as one sign is another text.
        font.setFeature(QFont.Tag("liga"), 0)
        return font

    def _fitting(self, element: Text) -> QFont:
        """The font for a text; a single word that is too wide (an M-PESA code) is set smaller, never cut."""
        font = self._font(element.size, is_bold=element.is_bold)
        return _narrowed(font, element.text, self._width, self._font(Size.SMALL, is_bold=False).pixelSize())

    def _height(self, element: Element) -> float:
        match element:
            case Text():
                return self._text_box(element).height()
            case Pair():
                return max(self._pair_boxes(element)[0].height(), self._pair_boxes(element)[1].height())
            case Rule():
                return 1.0
            case Code():
                return _QR_MM * self._sheet.scale * self._dpmm

    def _text_box(self, element: Text) -> QRectF:
        metrics = QFontMetricsF(self._fitting(element))
        text = _breakable(element.text, metrics, self._width)
        return metrics.boundingRect(QRectF(0, 0, self._width, 1e6), _WRAPPED | Qt.AlignmentFlag.AlignHCenter, text)

    def _pair_boxes(self, element: Pair) -> tuple[QRectF, QRectF]:
        """Where label and value stand, beside each other."""
        label = QFontMetricsF(self._font(Size.NORMAL, is_bold=False))
        value = QFontMetricsF(self._font(Size.NORMAL, is_bold=element.is_bold))
        left = min(label.horizontalAdvance(element.label) + 1, self._width * 0.45)
        start = left + self._dpmm * 2
        right = self._width - start
        label_text, value_text = self._pair_texts(element, left, right)
        label_box = label.boundingRect(QRectF(0, 0, left, 1e6), _WRAPPED, label_text)
        value_box = value.boundingRect(QRectF(0, 0, right, 1e6), _WRAPPED | Qt.AlignmentFlag.AlignRight, value_text)
        return QRectF(0, 0, left, label_box.height()), QRectF(start, 0, right, value_box.height())

    def _pair_texts(self, element: Pair, left: float, right: float) -> tuple[str, str]:
        label = QFontMetricsF(self._font(Size.NORMAL, is_bold=False))
        value = QFontMetricsF(self._font(Size.NORMAL, is_bold=element.is_bold))
        return _breakable(element.label, label, left), _breakable(element.value, value, right)

    def _paint(self, painter: QPainter, element: Element, top: float) -> None:
        match element:
            case Text():
                font = self._fitting(element)
                painter.setFont(font)
                room = QRectF(self._left, top, self._width, self._height(element) + 2)
                text = _breakable(element.text, QFontMetricsF(font), self._width)
                painter.drawText(room, _WRAPPED | Qt.AlignmentFlag.AlignHCenter, text)
            case Pair():
                boxes = [box.adjusted(0, 0, 0, 2).translated(self._left, top) for box in self._pair_boxes(element)]
                texts = self._pair_texts(element, boxes[0].width(), boxes[1].width())
                painter.setFont(self._font(Size.NORMAL, is_bold=False))
                painter.drawText(boxes[0], _WRAPPED, texts[0])
                painter.setFont(self._font(Size.NORMAL, is_bold=element.is_bold))
                painter.drawText(boxes[1], _WRAPPED | Qt.AlignmentFlag.AlignRight, texts[1])
            case Rule():
                painter.setPen(QPen(QColor("black"), max(1.0, 0.2 * self._dpmm)))
                painter.drawLine(round(self._left), round(top), round(self._left + self._width), round(top))
            case Code():
                side = self._height(element)
                painter.fillPath(
                    code_path(element.text, self._left + (self._width - side) / 2, top, side), QColor("black")
                )


_WRAPPED = int(Qt.TextFlag.TextWordWrap)


def _breakable(text: str, metrics: QFontMetricsF, width: float) -> str:
    """A text with breaks within words that are wider than their room, and within no others."""
    lines = (" ".join(_pieces(word, metrics, width) for word in line.split(" ")) for line in text.split("\n"))
    return "\n".join(lines)


def _pieces(word: str, metrics: QFontMetricsF, width: float) -> str:
    pieces, piece = [], ""
    for sign in word:
        if piece and metrics.horizontalAdvance(piece + sign) > width:
            pieces.append(piece)
            piece = ""
        piece += sign
    return "\n".join([*pieces, piece])


def _narrowed(font: QFont, text: str, width: float, smallest: int) -> QFont:
    """Set smaller until its widest word fits, as far as it can still be read."""
    widest = max(QFontMetricsF(font).horizontalAdvance(word) for word in text.split() or [""])
    if widest > width:
        font.setPixelSize(max(min(smallest, font.pixelSize()), int(font.pixelSize() * width / widest)))
    return font


def code_path(text: str, left: float, top: float, side: float) -> QPainterPath:
    """A QR code as one path, its quiet zone left out: the paper is white."""
    import qrcode  # noqa: PLC0415 - 24 ms that the first paint of the window does not need

    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, border=0)
    code.add_data(text)
    matrix = code.get_matrix()
    unit = side / len(matrix)
    path = QPainterPath()
    for row, cells in enumerate(matrix):
        for column, is_dark in enumerate(cells):
            if is_dark:
                path.addRect(left + column * unit, top + row * unit, unit * 1.02, unit * 1.02)
    return path


def picture(elements: Sequence[Element], paper: PaperKind, dots_per_inch: float = 150.0) -> QImage:
    """The receipt as the preview shows it."""
    sheet = SHEETS[paper]
    painter = Painter(sheet, dots_per_inch)
    height = A4_HEIGHT_MM if paper is PaperKind.A4 else painter.height_mm(elements)
    dpmm = dots_per_inch / MM_PER_INCH
    image = QImage(round(sheet.width_mm * dpmm), round(height * dpmm), QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    canvas = QPainter(image)
    canvas.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    painter.paint(canvas, elements)
    canvas.end()
    return image


def paint_on(device: QPagedPaintDevice, elements: Sequence[Element], paper: PaperKind) -> bool:
    """Sets the device's page to the receipt's size and paints it; False where the device refuses."""
    sheet = SHEETS[paper]
    painter = Painter(sheet, device.logicalDpiX())
    # By its measures and not by its name: QPageSize(PageSizeId.A4) came out invalid in the window's process.
    height = A4_HEIGHT_MM if paper is PaperKind.A4 else painter.height_mm(elements)
    millimetres = QSizeF(sheet.width_mm, height)
    size = QPageSize(millimetres, QPageSize.Unit.Millimeter, "receipt", QPageSize.SizeMatchPolicy.ExactMatch)
    layout = QPageLayout(size, QPageLayout.Orientation.Portrait, QMarginsF(0, 0, 0, 0))
    layout.setMode(QPageLayout.Mode.FullPageMode)
    canvas = QPainter()
    if not device.setPageLayout(layout) or not canvas.begin(device):
        return False
    painter.paint(canvas, elements)
    return canvas.end()
