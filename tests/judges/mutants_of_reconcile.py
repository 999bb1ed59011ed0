"""Mistakes in comparing the target with what is desired: what is told, of whom, and what is repaired."""

from typing import Final

from tests.judges.mutant import Mutant

DECIDE: Final = "streamproc/reconcile/decide"
PROPERTIES: Final = "tests/property/reconcile/decide"
CLASSIFY: Final = (f"{PROPERTIES}/test_classify.py",)
NEXT: Final = (f"{PROPERTIES}/test_next_finding.py",)
SCHEDULE: Final = (f"{PROPERTIES}/test_schedule.py",)
STRANGERS: Final = (f"{PROPERTIES}/test_strangers.py",)
AUTHORS: Final = (f"{PROPERTIES}/test_authors.py",)
IDENTITY: Final = ("tests/service/reconcile/test_who_is_who.py",)
SERVICE: Final = ("tests/service/reconcile/test_process.py", "tests/service/reconcile/test_trouble.py")

MUTANTS: Final = (
    Mutant("a leaver's title differs", f"{DECIDE}/classify.py", "if known.leaves:", "if False:", CLASSIFY),
    Mutant(
        "what isn't delivered yet is repaired",
        f"{DECIDE}/classify.py",
        "self.delivery is None or self.delivery.seq < self.seq",
        "self.delivery is None",
        CLASSIFY,
    ),
    Mutant(
        "whoever isn't ours is compared",
        f"{DECIDE}/classify.py",
        "if is_left_alone(known.desired):",
        "if False:",
        CLASSIFY,
    ),
    Mutant(
        "what was set aside is repaired",
        f"{DECIDE}/classify.py",
        "if parked is not None and attribute in parked.attributes:",
        "if False:",
        CLASSIFY,
    ),
    Mutant(
        "what is frozen is repaired",
        f"{DECIDE}/classify.py",
        "attribute, wanted, there) and not known.leaves",
        "attribute, wanted, there) and False",
        CLASSIFY,
    ),
    Mutant(
        "what is observed is repaired",
        f"{DECIDE}/classify.py",
        '"own" if attribute == "active" else policy_of(known.desired, attribute)',
        '"own"',
        CLASSIFY,
    ),
    Mutant(
        "an incident is none",
        f"{DECIDE}/classify.py",
        'each.attribute == "active" and each.desired is False and',
        'each.attribute == "active" and each.desired is True and',
        CLASSIFY,
    ),
    Mutant(
        "somebody missing is told as on their way",
        f"{DECIDE}/classify.py",
        'kind, reason = "missing"',
        'kind, reason = "pending"',
        CLASSIFY,
    ),
    Mutant(
        "what wasn't asked for differs",
        f"{DECIDE}/classify.py",
        "(view.asked is None or _owner(name) in view.asked)",
        "True",
        CLASSIFY,
    ),
    Mutant("what is over stays told", f"{DECIDE}/next_finding.py", "if not now.differences:", "if False:", NEXT),
    Mutant(
        "what is to be repaired is told once",
        f"{DECIDE}/next_finding.py",
        "return now if is_repaired(now) else None",
        "return None",
        NEXT,
    ),
    Mutant(
        "an incident can be ignored",
        f"{DECIDE}/next_finding.py",
        "if finding.incident or not finding.differences:",
        "if not finding.differences:",
        NEXT,
    ),
    Mutant(
        "an order answers whatever comes later",
        f"{DECIDE}/next_finding.py",
        "if not says_the_same(before, now):",
        "if before.answered is None and not says_the_same(before, now):",
        NEXT,
    ),
    Mutant(
        "leavers come with the pages",
        f"{DECIDE}/schedule.py",
        '= now, "leavers", PageOf',
        '= now, "pages", PageOf',
        SCHEDULE,
    ),
    Mutant(
        "leavers keep the pages waiting",
        f"{DECIDE}/schedule.py",
        "self._alternate = not self._alternate",
        "self._alternate = True",
        SCHEDULE,
    ),
    Mutant(
        "the inactive are never listed",
        f"{DECIDE}/schedule.py",
        "        if asked.active:",
        "        if False:",
        SCHEDULE,
    ),
    Mutant(
        "an account that the sink is adopting is an orphan",
        f"{DECIDE}/strangers.py",
        "return Wait()",
        "break",
        STRANGERS,
    ),
    Mutant(
        "a second account is theirs",
        f"{DECIDE}/strangers.py",
        "if there and not same_id(user.account, account.id):",
        "if False:",
        STRANGERS,
    ),
    Mutant(
        "an account of somebody out of scope is theirs",
        f"{DECIDE}/strangers.py",
        "if is_left_alone(user.desired):",
        "if False:",
        STRANGERS,
    ),
    Mutant(
        "an older record counts",
        f"{DECIDE}/known_users.py",
        "if before is not None and before.seq > seq:",
        "if False:",
        STRANGERS,
    ),
    Mutant(
        "whoever changed it first did it",
        f"{DECIDE}/authors.py",
        "key=lambda entry: -entry.changed.at",
        "key=lambda entry: entry.changed.at",
        AUTHORS,
    ),
    Mutant(
        "we are somebody else",
        f"{DECIDE}/authors.py",
        "if us is None or not same_id(entry.changed.client, us):",
        "if True:",
        AUTHORS,
    ),
    Mutant(
        "our own client keeps a leaver in",
        f"{DECIDE}/authors.py",
        'leaver = each.attribute == "active" and each.desired is False',
        "leaver = False",
        AUTHORS,
    ),
    Mutant(
        "any change of a group is that member's",
        f"{DECIDE}/authors.py",
        "id_ in (came if held else gone)",
        "True",
        AUTHORS,
    ),
    Mutant(
        "an order about somebody's account is carried out",
        "streamproc/reconcile/orders.py",
        "if not isinstance(verdict, Orphan) or not is_the_same(shown, seen):",
        "if False:",
        SERVICE,
    ),
    Mutant(
        "whoever was gone once is never found again",
        "streamproc/reconcile/comparison.py",
        "            self._gone.discard(id_key(account))\n",
        "",
        SERVICE,
    ),
    Mutant(
        "who did it once did it each time",
        f"{DECIDE}/next_finding.py",
        'each.kind == "changed" and each.policy != "own"',
        'each.kind == "changed"',
        NEXT,
    ),
    Mutant(
        "what we desire is taken for what is held",
        f"{DECIDE}/authors.py",
        "if not (_shown(each.held) & new or each.attribute.startswith(GROUP)):",
        "if False:",
        AUTHORS,
    ),
    Mutant(
        "one entity that can't be read closes the log for all",
        "streamproc/reconcile/audit_log.py",
        "                history.failed = str(error)\n                continue\n",
        "                raise ForbiddenError from error\n",
        ("tests/service/reconcile/test_trouble.py",),
    ),
    Mutant(
        "whoever has the account by now is deactivated",
        "streamproc/reconcile/orders.py",
        " or not is_the_same(shown, seen)",
        "",
        IDENTITY,
    ),
    Mutant(
        "who is back under another id is an orphan",
        f"{DECIDE}/strangers.py",
        " and not (user.leaves and id_key(user.account) in gone)",
        "",
        IDENTITY,
    ),
    Mutant(
        "an outsider's account is theirs still", f"{DECIDE}/strangers.py", "del self._accounts[user]", "pass", IDENTITY
    ),
    Mutant(
        "a group is its name for ever",
        "streamproc/reconcile/groups.py",
        "0 <= at - self._looked_up[name] < AGAIN",
        "True",
        IDENTITY,
    ),
    Mutant(
        "a list that is cut short closes findings", f"{DECIDE}/schedule.py", "there >= page.total", "True", SCHEDULE
    ),
    Mutant("repairs keep leavers waiting", f"{DECIDE}/schedule.py", "self._served = True", "pass", SCHEDULE),
    Mutant("a clock that is set back stops rounds", f"{DECIDE}/schedule.py", "if back > 0:", "if False:", SCHEDULE),
    Mutant("another attribute's author counts", f"{DECIDE}/authors.py", " and name not in _KNOWN", "", AUTHORS),
    Mutant(
        "an audit log without an answer keeps findings back",
        "streamproc/reconcile/audit_log.py",
        "        except TargetError as error:\n            failed = str(error)\n        if",
        "        if",
        SERVICE,
    ),
    Mutant(
        "what is ignored comes back with a name",
        "streamproc/core/records/finding.py",
        '"unknown" if difference.kind == "changed" else difference.kind',
        "difference.kind",
        SERVICE,
    ),
)
