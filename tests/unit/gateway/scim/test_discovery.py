"""What the service says of itself, read by somebody else's library."""

import json
from typing import Any

import pytest
from scim2_models import ResourceType, Schema, ServiceProviderConfig

from streamproc.core.provider.resource_types import RESOURCE_TYPES
from streamproc.core.provider.scim_error import ScimError
from streamproc.gateway.scim.discovery import discover
from streamproc.gateway.scim.endpoint import Endpoint

BASE = "https://gateway.example/scim/v2"


def told(name: str, id_: str | None = None) -> Any:
    """The document."""
    return json.loads(discover(Endpoint(name, id_), RESOURCE_TYPES.values(), {}, BASE).content())


def test_the_configuration() -> None:
    """A client finds out that it may PATCH and filter, and that there is no Bulk."""
    config = ServiceProviderConfig.model_validate(told("ServiceProviderConfig"))
    assert config.patch is not None
    assert config.patch.supported
    assert config.bulk is not None
    assert not config.bulk.supported


def test_the_schemas() -> None:
    """Users, groups, and the extensions, the one of Genesys Cloud too, are described with nothing that is null."""
    page = told("Schemas")
    assert page["totalResults"] == len(page["Resources"]) == 4
    assert "null" not in json.dumps(page)
    for each in page["Resources"]:
        schema = Schema.model_validate(each)
        assert schema.attributes
        assert told("Schemas", each["id"].upper()) == each
        assert each["meta"] == {"resourceType": "Schema", "location": f"{BASE}/Schemas/{each['id']}"}


def test_the_resource_types() -> None:
    """Both kinds of resources are there, by name too, as SailPoint asks for them."""
    for each in told("ResourceTypes")["Resources"]:
        assert ResourceType.model_validate(each).endpoint in {"/Users", "/Groups"}
        assert told("ResourceTypes", each["id"]) == each


@pytest.mark.parametrize("name", ["Schemas", "ResourceTypes", "ServiceProviderConfig"])
def test_what_there_is_not(name: str) -> None:
    """A document that nobody wrote is a SCIM Error, and so is a filter (RFC 7644 §4)."""
    with pytest.raises(ScimError, match="404"):
        told(name, "nothing")
    with pytest.raises(ScimError, match="403"):
        discover(Endpoint(name), RESOURCE_TYPES.values(), {"filter": "id pr"}, BASE)
