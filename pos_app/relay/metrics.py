"""What the relay counts, for Prometheus: numbers only, no till, no address."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Counts. The callback's and the inbox's outcomes are words of `pos_app.relay.app`."""

    def callback(self, outcome: str, seconds: float) -> None:
        """A callback was answered."""
        ...

    def inbox(self, outcome: str) -> None:
        """A till asked for its mail."""
        ...

    def reading(self, change: int) -> None:
        """A till began (1) or ended (-1) to wait."""
        ...

    def delivered(self, count: int) -> None:
        """Messages were handed to a till."""
        ...

    def text(self) -> tuple[bytes, str] | None:
        """All of it as Prometheus reads it, with its content type; None where nothing is counted."""
        ...


class Uncounted:
    """Counts nothing: for the relay inside the till."""

    def callback(self, outcome: str, seconds: float) -> None: ...

    def inbox(self, outcome: str) -> None: ...

    def reading(self, change: int) -> None: ...

    def delivered(self, count: int) -> None: ...

    def text(self) -> tuple[bytes, str] | None:
        return None


class Counted:
    """Counts with Prometheus's own library, which this imports when it is made."""

    def __init__(self) -> None:
        import prometheus_client as prometheus  # noqa: PLC0415 - only a relay of its own has it

        self._library = prometheus
        registry = self._registry = prometheus.CollectorRegistry()
        self._callbacks = prometheus.Counter(
            "relay_callbacks", "Callbacks by what became of them", ["outcome"], registry=registry
        )
        self._seconds = prometheus.Histogram(
            "relay_callback_seconds", "From a callback's headers to its answer", registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )  # fmt: skip
        self._inbox = prometheus.Counter(
            "relay_inbox_requests", "Requests of tills by what became of them", ["outcome"], registry=registry
        )
        self._readers = prometheus.Gauge("relay_tills_waiting", "Tills that wait for mail now", registry=registry)
        self._delivered = prometheus.Counter("relay_messages_delivered", "Messages handed to tills", registry=registry)

    def callback(self, outcome: str, seconds: float) -> None:
        self._callbacks.labels(outcome).inc()
        self._seconds.observe(seconds)

    def inbox(self, outcome: str) -> None:
        self._inbox.labels(outcome).inc()

    def reading(self, change: int) -> None:
        self._readers.inc(change)

    def delivered(self, count: int) -> None:
        self._delivered.inc(count)

    def text(self) -> tuple[bytes, str] | None:
        return self._library.generate_latest(self._registry), self._library.CONTENT_TYPE_LATEST
