"""What a judge says of one thing that it looked at, and why we answer as we do where it doesn't like it."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

Status: TypeAlias = Literal["SUCCESSFUL", "FAILED", "SKIPPED", "ABORTED"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why`: in the judge's words."""

    status: Status
    name: str
    why: str = ""


def read(text: str) -> Iterator[Verdict]:
    """Of lines as our guests write them: RESULT, status, name, what it is about, why; separated by tabs."""
    for line in text.splitlines():
        if line.startswith("RESULT\t"):
            _, status, name, about, why, *_ = [*line.split("\t"), "", "", ""]
            yield Verdict(cast("Status", status), name, f"{about} {why}".strip())


@dataclass(frozen=True, slots=True)
class Meant:
    """Failures that are meant: those whose `name: why` has this pattern; of several, the first that fits."""

    pattern: str
    reason: str


MEANT: Final[dict[str, Sequence[Meant]]] = {
    "scim2-tester": (
        Meant(
            r"search_with_attributes",
            "There is no `POST /.search`: no client that we know sends it, and 501 says so.",
        ),
        Meant(r"delivery:2\.0", "All of this extension is read-only, and it adds an empty one."),
        Meant(
            r"check_add_attribute.*(?:routingSkills|routingLanguages|externalIds)",
            "It adds to a list that has an element, and wants the new one alone; RFC 7644 §3.5.2.1 adds.",
        ),
    ),
    "scim-sanity": (
        Meant(
            r"PATCH /Groups",
            "A group's PATCH is answered 204, which Entra documents and RFC 7644 §3.5.2 allows; `--patch-body` of the "
            "connection answers 200 and the group.",
        ),
    ),
    "scimono": (
        Meant(r"(?i)startId", "Its own paging by `startId`, which no RFC has; index paging passes."),
        Meant(
            r"InputValidation|Custom|extension urn:sap|\b405\b",
            "It makes schemas of its own by `POST /Schemas`. Ours are fixed.",
        ),
        Meant(
            r"WrongPatchSchema|NotContainPatchSchema",
            "A PATCH is known by its operations. `schemas` isn't looked at, since some clients leave it out or send "
            "another: no leaver is lost for it.",
        ),
        Meant(
            r"InvalidSchemaAttribute|NonExistingAttr|InvalidValuePathFilter",
            "A path that no schema knows is named in the event and changes nothing. An administrator's odd mapping "
            "would else stop everything that is sent with it, a deactivation, too.",
        ),
        Meant(
            r"IllegalId400|HashTag400",
            "An id is any text, and one that nobody has is 404 (RFC 7644 §3.12); it wants 400.",
        ),
        Meant(
            r"MissingValueIn\w+Operation400",
            "`null` takes a value away, as `remove` does: clients clear attributes so. It asks on an id that isn't "
            "there, hence 404.",
        ),
        Meant(
            r"MissingExtensionSchema",
            "`schemas` follows from what a resource has. Clients that write it short are understood.",
        ),
        Meant(
            r"WithSameDisplayName|GroupsFilteredByDisplayName", "A group's name is unique: Entra looks groups up by it."
        ),
        Meant(r"NonExistingMember404", "A member that isn't known is kept and counts once it is there."),
        Meant(
            r"DeleteGroupMembers",
            "A deleted user stays in the sets of groups until the client takes the id out (see core/provider).",
        ),
        Meant(
            r"MemberReference|MemberDisplayName",
            "Members are shown by `value` alone: ten thousand of them are twice as large otherwise.",
        ),
        Meant(r"EmptyValue204", 'A text that becomes "" is cleared, as clients mean it; it wants it to stay.'),
        Meant(
            r"NoOperations400",
            "A PATCH of nothing changes nothing: ConnId's connector sends it. Here the id isn't there, hence 404.",
        ),
        Meant(r"GetGroupsEmptyList", "It asserts that `itemsPerPage` of an empty list is above 0."),
        Meant(r"WithoutUserName400", "It is answered 400, and its own wrapper takes that for unexpected."),
        Meant(
            r"NonExistingId404",
            "The body is looked at first, and `displayName` of a group can't be removed: 400.",
        ),
        Meant(
            r"RemoveOperationForSimpleAttribute",
            "It removes the `displayName` of a group, which is required: 400 `mutability` (RFC 7644 §3.5.2.2).",
        ),
        Meant(r"DisplayNamePattern|display name pattern", "Its own name of the test can't be read by JUnit."),
    ),
}
"""By judge."""


def meant(judge: str, verdict: Verdict) -> str | None:
    """Why we answer so. None: nobody has said it yet."""
    said = f"{verdict.name}: {verdict.why}"
    return next((each.reason for each in MEANT.get(judge, ()) if re.search(each.pattern, said)), None)


def table(found: dict[str, list[Verdict]]) -> Iterator[str]:
    """As Markdown: a line for each judge, and then why."""
    yield "| Judge | Passed | Failed | Left out |"
    yield "|---|---|---|---|"
    for judge, verdicts in found.items():
        counted = Counter(each.status for each in verdicts)
        left_out = counted["SKIPPED"] + counted["ABORTED"]
        yield f"| {judge} | {counted['SUCCESSFUL']} | {counted['FAILED']} | {left_out} |"
    yield ""
    for judge, verdicts in found.items():
        reasons = Counter(meant(judge, each) for each in _failed(verdicts))
        for reason, times in reasons.most_common():
            yield f"- {judge}, {times}: {reason or '**not explained**'}"


def unexplained(found: dict[str, list[Verdict]]) -> Iterator[str]:
    """What nobody has said a reason for."""
    for judge, verdicts in found.items():
        yield from (f"{judge}: {each.name}: {each.why}" for each in _failed(verdicts) if meant(judge, each) is None)


def _failed(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    return (each for each in verdicts if each.status == "FAILED")
