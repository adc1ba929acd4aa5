"""How the parts of the world fare: each status is told once, when it changes."""

from __future__ import annotations

from collections.abc import Callable

from pos_app.common.clock import minutes_wrong
from pos_app.daraja import AsyncMpesaClient
from pos_app.domain.stk import events as ev
from pos_app.engine.updates import Health, Service, ServiceStatusChanged


class StatusBoard:
    """Keeps the newest status of each service.

    Args:
        emit: Tells a status that is not as it was.
    """

    def __init__(self, emit: Callable[[ServiceStatusChanged], None]) -> None:
        self._emit = emit
        self._newest: dict[Service, ServiceStatusChanged] = {}

    def show(self, status: ServiceStatusChanged) -> None:
        """Tells a status, where it is another than before."""
        if self._newest.get(status.service) != status:
            self._newest[status.service] = status
            self._emit(status)

    def knows(self, service: Service) -> bool:
        """Whether anything was told of a service."""
        return service in self._newest

    def show_answer(self, client: AsyncMpesaClient | None) -> None:
        """M-PESA answers; whether this PC's clock agrees with M-PESA's is told as well."""
        minutes = minutes_wrong(client.clock_ahead_ms if client else None)
        if minutes:
            self.show(ServiceStatusChanged(Service.MPESA, Health.DEGRADED, "mpesa.clock", str(minutes)))
        else:
            self.show(ServiceStatusChanged(Service.MPESA, Health.OK, "mpesa.ready"))

    def show_push(self, event: ev.Event, client: AsyncMpesaClient | None) -> None:
        """What a push says of M-PESA."""
        match event:
            case ev.PushNotSent(outcome):
                self.show(ServiceStatusChanged(Service.MPESA, Health.DOWN, f"mpesa.{outcome.kind}"))
            case ev.PushRefused(outcome) | ev.PushLost(outcome):
                self.show(ServiceStatusChanged(Service.MPESA, Health.DEGRADED, f"mpesa.{outcome.kind}"))
            case _:
                self.show_answer(client)
