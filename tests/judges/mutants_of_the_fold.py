"""Mistakes in what is desired, and in what the sink makes of it."""

from typing import Final

from tests.judges.mutant import Mutant

FOLD: Final = "streamproc/core/fold"
SINK: Final = "streamproc/sink/decide"
OF_SCOPE: Final = ("tests/unit/core/fold/test_scope.py", "tests/property/core/fold/test_scope.py")
OF_SETTLED: Final = ("tests/unit/sources/test_settled.py",)
OF_LISTS: Final = ("tests/property/core/fold/test_list_writing.py",)

MUTANTS: Final = (
    Mutant(
        "never = inactive",
        f"{FOLD}/scope.py",
        'return Resource(externalId=user, scope="never"), problems',
        'return Resource(externalId=user, active=False, scope="never"), problems',
        OF_SCOPE,
    ),
    Mutant(
        "who isn't ours is looked for",
        f"{SINK}/next_step.py",
        "if not leaves and not in_between and is_left_alone(progress.record.desired):",
        "if False:",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "who never was ours is looked for",
        f"{FOLD}/plan.py",
        'return scope == "never" or (',
        "return (",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "unknown = false",
        f"{FOLD}/scope.py",
        'case False if before == "in":',
        'case _ if before == "in":',
        OF_SCOPE,
    ),
    Mutant(
        "unknown = true",
        f"{FOLD}/scope.py",
        "        case _:\n            return before\n",
        '        case False:\n            return before\n        case _:\n            return "in"\n',
        OF_SCOPE,
    ),
    Mutant(
        "unknown lets who is suspended in again",
        f"{FOLD}/scope.py",
        "was_suspended if isinstance(suspension, Unknown) else suspension is True",
        "suspension is True",
        OF_SCOPE,
    ),
    Mutant(
        "null = absent, also where blank is a value",
        f"{FOLD}/computed.py",
        'blank_is_absent=place == WHO and file.scope is not None and file.scope.blank == "keep"',
        "blank_is_absent=True",
        OF_SCOPE,
    ),
    Mutant(
        "blank is a value, also where it is to keep",
        f"{FOLD}/computed.py",
        'file.scope.blank == "keep"',
        'file.scope.blank == "leave"',
        OF_SCOPE,
    ),
    Mutant(
        "release forgets revocation",
        f"{FOLD}/scope.py",
        '_frozen(before, "released", denied=wanted.get("active") is False)',
        '_frozen(before, "released", denied=False)',
        OF_SCOPE,
    ),
    Mutant(
        "release forgets revocation at the target",
        f"{FOLD}/plan.py",
        '(scope == "released" and desired.get("active") is not False)',
        'scope == "released"',
        OF_SCOPE,
    ),
    Mutant(
        "who is active again while released is let in",
        f"{FOLD}/scope.py",
        '        frozen["active"] = False\n    return frozen',
        '        frozen["active"] = False\n    else:\n        frozen["active"] = True\n    return frozen',
        OF_SCOPE,
    ),
    Mutant(
        "a suspension goes before a source's no",
        f"{FOLD}/scope.py",
        'if wanted.get("active") is not False and (here.suspended or',
        "if (here.suspended or",
        OF_SCOPE,
    ),
    Mutant(
        "a suspension needs a source's yes",
        f"{FOLD}/scope.py",
        'if wanted.get("active") is not False and (here.suspended or',
        'if wanted.get("active") is True and (here.suspended or',
        OF_SCOPE,
    ),
    Mutant(
        "what a large snapshot leaves out isn't heard",
        f"{FOLD}/headroom.py",
        "attributes = dict.fromkeys(unsaid) | attributes",
        "attributes = dict(attributes)",
        ("tests/property/core/fold/test_headroom.py",),
    ),
    Mutant(
        "who is passed over leaves by a source's word",
        f"{SINK}/desired_state.py",
        "leaves = _WITHHELD if by_mapping(self.desired) else _LEAVES",
        "leaves = _LEAVES",
        ("tests/service/sink/test_reconciler_scope.py",),
    ),
    Mutant(
        "a source's no to who has left isn't told",
        f"{FOLD}/scope.py",
        'left["denied"] = True',
        "pass",
        OF_SCOPE,
    ),
    Mutant(
        "who has left keeps access",
        f"{FOLD}/scope.py",
        'left["active"] = False',
        'left["active"] = before.get("active", True)',
        OF_SCOPE,
    ),
    Mutant(
        "a full record keeps who has left the scope in it",
        f"{FOLD}/scope.py",
        "taken = {name: value for name, value in desired.items() if name in _ACCESS}",
        'taken = {name: value for name, value in desired.items() if name == "active"}',
        OF_SCOPE,
    ),
    Mutant(
        "an event that doesn't fit keeps who leaves the scope by it",
        f"{FOLD}/headroom.py",
        "if by_mapping is not None and _takes(known, fold_encoded(known, seq, by_mapping, mapping, facts)):",
        "if False:",
        ("tests/property/core/fold/test_headroom.py",),
    ),
    Mutant(
        "an event that doesn't fit lets in who enters the scope by it",
        f"{FOLD}/headroom.py",
        "if by_mapping is not None and _takes(known, fold_encoded(known, seq, by_mapping, mapping, facts)):",
        "if by_mapping is not None:",
        ("tests/property/core/fold/test_headroom.py",),
    ),
    Mutant(
        "what isn't a number is none",
        f"{FOLD}/names.py",
        'raise UnreadError(why_unread(value) or "expected text")',
        'if why_unread(value):\n        return None\n    raise UnreadError("expected text")',
        OF_SETTLED,
    ),
    Mutant(
        "a name that holds a separator is parted",
        f"{FOLD}/names.py",
        "        if self._whole:\n            alone",
        "        if False:\n            alone",
        OF_LISTS,
    ),
    Mutant("a whole name is one within others", f"{FOLD}/names.py", 'ends = rf"\\s*', 'ends = rf"|\\s*', OF_LISTS),
    Mutant(
        "a level's word is part of the name",
        f"{FOLD}/names.py",
        "self._worded_split if words else _split",
        "_split",
        OF_LISTS,
    ),
    Mutant(
        "what is proposed needn't be there",
        f"{SINK}/target.py",
        'if kind != "groups" or self.group(each).id',
        "if True",
        ("tests/property/sink/decide/test_did_you_mean.py",),
    ),
    Mutant(
        "a bound name is read as a fact",
        "streamproc/core/expressions/compiler.py",
        'return Piece(lambda _, run: run[level], "any", self.bound[level - 1])',
        'return Piece(lambda _, run: run[level], "any", self.bound[level - 1] | {node.name})',
        ("tests/unit/core/expressions", "tests/property/core/expressions"),
    ),
    Mutant(
        "the digest leaves the scope out",
        f"{FOLD}/mapping.py",
        "model_dump_json(exclude_defaults=True)",
        'model_dump_json(exclude_defaults=True, exclude={"scope"})',
        OF_SCOPE,
    ),
    Mutant(
        "the digest leaves tables out",
        f"{FOLD}/mapping.py",
        "model_dump_json(exclude_defaults=True)",
        'model_dump_json(exclude_defaults=True, exclude={"tables"})',
        OF_SCOPE,
    ),
)
