"""What is configured of a source: who its subjects are, and what its attributes are called."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SourceOptions(BaseModel):
    """Of one source in one tenant. `attributes`: fact → path in the source's own user (dots go inwards, the first hit
    of several paths separated by `|` counts); facts have the names that the mapping file reads.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    anchor: str = Field("employeeNumber", description="Fact that says which user this is; or `subject`.")
    attributes: dict[str, str] = Field(default={}, description="Fact = path in the source's user resource.")
    zone: str = Field("UTC", description="IANA zone of dates without a time, where the worker's location tells none.")
    zones: dict[str, str] = Field(default={}, description="Location, as the source writes it = IANA zone.")
    zone_attribute: str = Field("", description="Path of the worker's location or zone in the source's user resource.")
    active: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), description="Statuses that mean active, where the source has statuses."
    )
