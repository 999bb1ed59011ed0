"""The extension that says what has become of a user in the target, for whoever asks for it.

`?attributes=userName,urn:streamproc:params:scim:schemas:extension:delivery:2.0:User`. It is read-only, and in no answer
unless it is asked for (RFC 7643 §7, `returned`): clients that compare what they have sent with what comes back see none
of it. It isn't a part of what clients write: what they send of it is passed over like any attribute that we don't know.
"""

from typing import Final, Literal, TypeAlias, get_args

from streamproc.core.provider.schema import Attribute, Schema, by_name

DeliveryState: TypeAlias = Literal["pending", "unlinked", "delivered", "partial", "revoked", "absent", "held", "parked"]
"""`pending`: the newest change isn't told of yet. `unlinked`: nobody knows who it is, so it reaches nobody.
`delivered`: the target has it; `partial`: but for some attributes. `revoked`: the target, asked again, said that the
user is inactive. `absent`: the user has no account there. `held`: by the mass guard, or by an operator's word.
`parked`: set aside; `reason` says why.
"""
DELIVERY: Final = "urn:streamproc:params:scim:schemas:extension:delivery:2.0:User"


def _told(name: str, description: str) -> Attribute:
    return Attribute(name, mutability="readOnly", returned="request", description=description, case_exact=True)


DELIVERY_SCHEMA: Final = Schema(
    DELIVERY,
    "Delivery",
    "What has become of the user in the target",
    by_name(
        [
            Attribute(
                "state",
                mutability="readOnly",
                returned="request",
                case_exact=True,
                description="How the user stands there",
                canonical_values=get_args(DeliveryState),
            ),
            Attribute(
                "since",
                "dateTime",
                mutability="readOnly",
                returned="request",
                description="When that was last told; before meta.lastModified it is of an earlier version",
            ),
            _told("reason", "Why something was set aside, in the words of who refused it"),
            _told("genesysId", "The id of the user's account"),
        ]
    ),
)
