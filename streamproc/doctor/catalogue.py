"""Does the target have what the mapping gives: roles, groups, skills, languages and divisions, spelled alike?"""

from collections.abc import Iterator, Mapping

from streamproc.core.fold.mapping import Mapping as Rules
from streamproc.doctor.line import Line, Severity
from streamproc.mapping_preview.attribute_usage import CATALOGUED, Catalogued
from streamproc.mapping_preview.lint import ONE, Finding, Listed, parted, unknown, uses
from streamproc.mapping_preview.target_catalogue import Catalogue


async def names(catalogue: Catalogue, rules: Rules) -> list[Line]:
    """All that the file itself names; what only people's facts name, `mapping check` knows. Raises TargetError."""
    used = uses(rules, None)
    if catalogue.dialect != "genesys":  # SCIM 2.0 has no list of the others
        used = {kind: each for kind, each in used.items() if kind == "groups"}
    return list(compared(rules, await catalogue.listed(used)))


def compared(rules: Rules, listed: Mapping[Catalogued, Listed]) -> Iterator[Line]:
    """The file's names with those of the target."""
    used = uses(rules, None)
    lines = [
        _line(finding)
        for kind, there in listed.items()
        for finding in (*unknown(kind, used[kind], there), *parted(kind, rules.file, there))
    ]
    yield from lines
    looked = [kind for kind in CATALOGUED if kind in listed and listed[kind].names is not None]
    if not any(line.severity == "error" for line in lines) and (looked or not lines):
        many = {kind: len(used[kind]) for kind in looked}
        counts = ", ".join(f"{number} {kind if number > 1 else ONE[kind]}" for kind, number in many.items())
        text = f"{counts} of mapping {rules.digest}" if counts else f"mapping {rules.digest} names none"
        yield Line("ok", "catalogue", "names", text)


def _line(finding: Finding) -> Line:
    severity: Severity = "error" if finding.severity == "error" else "warning"
    if finding.severity == "unchecked":
        return Line(severity, "catalogue", finding.where, finding.text)
    do = "make it there, or spell it in the mapping as it is spelled there"
    if finding.meant is not None:
        do = f"did you mean {finding.meant!r}? {do[0].upper()}{do[1:]}"
    if finding.severity == "warning":
        do = "name it in `whole`"
    return Line(severity, "catalogue", finding.where, finding.text, do)
