"""Value of `streamproc.status`: how a service is, as it says itself every few seconds."""

from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter

from streamproc.core.records.units import Millis
from streamproc.core.records.value import Value, decoder

State: TypeAlias = Literal["starting", "ok", "blind", "degraded", "stopped"]
"""`blind`: it may not see what happens, and all else is well. `degraded`: it doesn't do all of its work."""


class Condition(Value, frozen=True):
    """One thing that is wrong. `code`: stable, for machines; `about`: which source, partition or topic."""

    code: str
    about: str
    state: Literal["blind", "degraded"]
    reason: str
    """What is wrong, and what to do, in words."""
    since: Millis


class ServiceState(Value, frozen=True):
    """`at` is when it was said: a service that is silent for longer than 30 s is gone."""

    service: str
    instance: str
    version: str
    state: State
    conditions: list[Condition]
    started: Millis
    at: Millis

    @property
    def key(self) -> str:
        """Of the record in the topic."""
        return f"{self.service}/{self.instance}"


SERVICE_STATE: Final[TypeAdapter[ServiceState]] = TypeAdapter(ServiceState)
decode_service_state: Final = decoder(ServiceState, SERVICE_STATE)
"""The ServiceState in a value of `streamproc.status`. Raises pydantic.ValidationError where it isn't one."""
