"""A thermal printer on the network, as far as a socket tells: jobs that came whole, and jobs that were torn off."""

from __future__ import annotations

import socket
import threading
from typing import Self

CUT = b"\x1dV"
"""The command that ends a receipt (GS V)."""


class NetworkPrinter:
    """Takes any number of jobs, one connection each."""

    def __init__(self) -> None:
        self.whole = 0
        self.torn = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="printer")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake an accept that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(30)
                content = bytearray()
                try:
                    while chunk := connection.recv(65536):
                        content += chunk
                except OSError:
                    pass
            if CUT in content:
                self.whole += 1
            elif content:
                self.torn += 1
