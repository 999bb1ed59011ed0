"""Mutants of how one of several numbers, addresses and ids is read and written."""

from typing import Final

from tests.judges.mutant import Mutant

SINK: Final = "streamproc/sink/decide"
OF_ELEMENTS: Final = ("tests/unit/sink/decide/test_elements.py", "tests/property/sink/decide/test_elements.py")

MUTANTS: Final = (
    Mutant(
        "what is owned since now isn't read",
        "streamproc/core/records/resource.py",
        "    if any(name in IF_OWNED and name not in held for name in desired):",
        "    if False:",
        OF_ELEMENTS,
    ),
    Mutant(
        "what isn't owned any more is kept",
        "streamproc/core/records/resource.py",
        "    if IF_OWNED.isdisjoint(held):",
        "    if held:",
        OF_ELEMENTS,
    ),
    Mutant(
        "all external ids are refused as one",
        "streamproc/core/records/resource.py",
        '    if "externalIds" not in resource:',
        "    if resource:",
        OF_ELEMENTS,
    ),
    Mutant(
        "a number is added to the list at Genesys",
        "streamproc/core/scim/elements.py",
        '    if form == "path":',
        "    if False:",
        OF_ELEMENTS,
    ),
    Mutant(
        "a whole list is ours alone",
        "streamproc/core/scim/elements.py",
        "            kept.append(each)",
        "            pass",
        OF_ELEMENTS,
    ),
    Mutant(
        "Genesys's own id is written",
        "streamproc/core/scim/elements.py",
        'str(element.get("authority", "")).startswith(GENESYS_OWN)',
        "False",
        ("tests/unit/core/scim/test_elements.py",),
    ),
    Mutant(
        "an extension without tel:",
        "streamproc/core/scim/place.py",
        'f"tel:{value}" if',
        "value if",
        OF_ELEMENTS,
    ),
    Mutant(
        "an id that is written is the only one",
        "streamproc/core/fold/plan.py",
        "            held |= _whole(held, changes)",
        "            held |= changes",
        OF_ELEMENTS,
    ),
    Mutant(
        "a list is written whole without a look",
        f"{SINK}/next_step.py",
        "rests = rests_on_read(changes, target.dialect) or",
        "rests = False or",
        OF_ELEMENTS,
    ),
    Mutant(
        "a leaver waits for what is owned since now",
        f"{SINK}/next_step.py",
        "not leaves and unlooked",
        "unlooked",
        OF_ELEMENTS,
    ),
    Mutant(
        "nothing there is not known",
        "streamproc/core/scim/own_terms.py",
        "{**empty, **held}",
        "{**held}",
        OF_ELEMENTS,
    ),
)
