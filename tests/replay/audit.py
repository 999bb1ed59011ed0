"""Audit: an archive of a log, and everything that can be asked of it: by all commands that read archives."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.replay.stages import DAY
from tests.support.checkout import Checkout
from tests.support.cluster import Cluster, Record
from tests.support.paths import REPOSITORY

SHIPPED = REPOSITORY / "streamproc" / "mapping.toml"
FORMATS = ("table", "csv", "json", "html")
OTHER_RULES = """
[[rule]]
when = { "group:Everyone" = "*" }
skills = { Okta = 2.0 }
[[rule]]
when = { job = "*Agent*" }
languages = { French = 2.0 }
"""
"""What another mapping has beyond the one that is shipped; it reads a fact that one doesn't."""

NOT_WHOLE = frozenset({"two_sources"})
"""Logs in which the orders behind moves of accounts were never recorded. Of these nothing can be redacted."""

Command = tuple[str, Sequence[str]]
"""File for what it prints, and arguments."""


def give_files(checkout: Checkout) -> None:
    """What commands are given: another mapping than the one that is shipped, and keys."""
    given = checkout.work / "given"
    given.mkdir()
    (given / "other.toml").write_text(SHIPPED.read_text(encoding="utf-8") + OTHER_RULES, encoding="utf-8")
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    (given / "ed25519.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (given / "redaction.key").write_text("r" * 64, encoding="ascii")


def log_of(folded: Sequence[Record], delivered: Sequence[Record]) -> list[Record]:
    """One log of a history's changes, records, outcomes and deliveries, each with a time that fits the others'.

    The history was folded and delivered in standing time, so the time of a record and of a delivery is made anew.
    """
    appended = {record.offset: record.timestamp for record in folded if record.topic == "identity.changes"}
    users = {record.key for record in folded if record.topic == "scim.operations"}
    log: list[Record] = []
    for record in folded:
        if record.topic == "scim.operations":
            log.append(replace(record, timestamp=appended[orjson.loads(record.value or b"")["seq"]] + 8))
        else:
            log.append(record)
    theirs = (record for record in delivered if record.key in users)
    return log + [replace(record, timestamp=orjson.loads(record.value or b"")["at"] + 12) for record in theirs]


async def audit(checkout: Checkout, cluster: Cluster, logs: Mapping[str, Sequence[Record]]) -> None:
    """Each log is archived by the checkout, and its archive then read."""
    checkout.clock.set(max(record.timestamp for log in logs.values() for record in log) + 30 * DAY)
    for name, log in logs.items():
        partitions = max(record.partition for record in log) + 1
        await cluster.create_topics(partitions)
        await cluster.append(sorted(log, key=lambda record: (record.topic, record.partition)))
        checkout.settings["partitions"] = str(partitions)
        folder = f"artefacts/archives/{name}"
        await checkout.run([(f"commands/archive_{name}.json", ("archive", folder, "--raw", "--json"))])
    await checkout.run([command for name, log in logs.items() for command in questions(name, log)])


def questions(name: str, log: Sequence[Record]) -> Iterator[Command]:
    """All that is asked of an archive."""
    archive = ("--archive", f"artefacts/archives/{name}", "--offline")
    times = sorted(record.timestamp for record in log if record.topic == "identity.changes")
    keys = Counter((record.key or b"").decode() for record in log if record.topic == "scim.operations")
    users = [user for user, _ in sorted(keys.items(), key=lambda counted: (-counted[1], counted[0]))][:3]
    yield f"verify/{name}.json", ("replay", "--verify", *archive, "--json")
    yield f"verify_text/{name}.txt", ("replay", "--verify", *archive)
    yield f"verify/{name}_from.json", ("replay", "--verify", "--from", str(times[len(times) // 2]), *archive, "--json")
    for number, at in enumerate((times[len(times) // 3], times[2 * len(times) // 3], times[-1] + DAY)):
        asked = ("replay", "--as-of", str(at), *archive)
        yield f"as_of/{name}_{number}.json", (*asked, "--json")
        yield f"as_of_text/{name}_{number}.txt", asked
        for user in users:
            yield f"as_of/{name}_{number}_{user}.json", (*asked, "--user", user, "--json")
            yield f"as_of_text/{name}_{number}_{user}.txt", (*asked, "--user", user)
    period = ("--from", str(times[0] - DAY), "--to", str(times[-1] + DAY))
    for form in FORMATS:
        kind = "reports_text" if form == "table" else "reports"
        yield f"{kind}/{name}.{form}", ("report", "revocations", *period, "--limit", "2", *archive, "--format", form)
    yield from _bundles(name, archive, period, users[0])
    whatif = ("mapping", "whatif", "given/other.toml", *archive)
    yield f"whatif/{name}.json", (*whatif, "--json")
    yield f"whatif_text/{name}.txt", whatif
    yield f"whatif/{name}_since.json", (*whatif, "--since", str(times[len(times) // 2]), "--json")
    yield f"whatif_text/{name}_check.txt", ("mapping", "check", "given/other.toml", "--no-target", *archive)


def _bundles(name: str, archive: Sequence[str], period: Sequence[str], user: str) -> Iterator[Command]:
    for kind, arguments in {
        "plain": period,
        "signed": (*period, "--key", "given/ed25519.pem"),
        "redacted": (*period, "--redact", "--redact-key", "given/redaction.key", "--key", "given/ed25519.pem"),
        "user": ("--user", user),
    }.items():
        if kind == "redacted" and name in NOT_WHOLE:
            continue
        bundle = f"artefacts/bundles/{name}_{kind}.zip"
        yield f"bundles/{name}_{kind}.json", ("report", "evidence", *arguments, "-o", bundle, *archive, "--json")
        yield f"bundles_text/{name}_{kind}.txt", ("report", "verify", bundle)
        yield f"bundles/{name}_{kind}_verified.json", ("report", "verify", bundle, "--json")
