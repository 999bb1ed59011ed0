"""A constructed period that has everything a report can show, and people whose names are meant to break it."""

from random import Random

from streamproc.core.records.change_event import Effective, Origin
from streamproc.core.records.units import Micros, Millis
from streamproc.core.records.user_record import Cause
from tests.support.leavers import DAY, Log, at, ms, patch

HOSTILE = (
    "<script>document.title='owned'</script>",
    "\"'><img src=https://evil.example/x.png onerror=alert(1)>",
    "</td></tr></table><h1>Gone</h1>",
    "E\u202e1001\x00\x1b[31m",
    '=HYPERLINK("https://evil.example")',
)
HONOLULU = Effective(Micros(ms("2026-03-02T00:00:00-10:00") * 1000), "2026-03-02", "Pacific/Honolulu")
END = DAY + 86_400_000


def day(leavers: int = 240, seed: int = 7) -> Log:
    """One day: mostly a second or so each, and one of everything else."""
    log, random = Log(), Random(seed)
    for number in range(leavers):
        user, source = f"E{1000 + number}", random.choice(["workday", "okta", "hris", "entra"])
        when = DAY + random.randrange(3_600_000, 79_000_000)
        log.says(user, when - 3_500_000, True, source=source)
        told = when - round(random.lognormvariate(8.5, 1))
        seq = log.says(
            user,
            when,
            False,
            source=source,
            told=told,
            received=Millis(when - random.randrange(5, 60)),
            reason="terminated",
        )
        wait = round(random.lognormvariate(5.5, 0.9))
        log.revoked(
            user, seq, when + 60 + wait, round(random.lognormvariate(4.8, 0.4)), sessions_ended=when + wait + 900
        )
    for user in HOSTILE:
        log.says(user, at("01:00:00"), True)
        log.revoked(user, log.says(user, at("13:00:00"), False, reason=user), at("13:00:01"))
    _exceptions(log)
    return log


def _exceptions(log: Log) -> None:
    for user in ("B1", "B2", "O1", "O2", "K1", "W1", "N1", "H1", "S1"):
        log.says(user, at("00:30:00"), True, source="workday")
    held = log.says("B1", at("10:00:00"), False, source="workday", reason="terminated")
    log.tells(
        "B1",
        held,
        "held",
        at("10:00:01"),
        reason="mass guard: 20 users of one cause and 0 others in 600 s, threshold 40",
    )
    release = Cause(
        "streamproc", "release-B1-1", Origin("streamproc.controls", 0, 0, Millis(0)), "Kim Berg: really left"
    )
    log.revoked("B1", held, at("11:12:07"), final=False, cause=release)
    slow = log.says("B2", at("15:00:00"), False, source="workday", reason="terminated")
    log.tells(
        "B2", slow, "unknown", at("15:00:31"), patch(at("15:00:01"), at("15:00:31"), None), reason="no answer: timeout"
    )
    log.revoked("B2", slow, at("15:06:40"))
    refused = log.says("O1", at("16:00:00"), False, source="workday", reason="terminated")
    log.tells("O1", refused, "parked", at("16:00:02"), patch(at("16:00:01"), at("16:00:02"), 400), reason="Bad Request")
    log.holds(
        "O1", refused, at("16:00:02"), "refused", "Bad Request: the user is <locked>", status=400, correlation_id="a1b2"
    )
    log.says("O2", at("23:58:30"), False, source="workday", reason="terminated")
    rejected = log.says("K1", at("12:00:00"), False, source="workday", reason="terminated")
    log.holds("K1", rejected, at("12:30:00"), "rejected", "rejected by Kim Berg: broken file")
    withdrawn = log.says("W1", at("10:00:00"), False, source="workday")
    log.tells("W1", withdrawn, "held", at("10:00:01"), reason="mass guard: bulk")
    log.says("W1", at("10:30:00"), True, source="workday")
    nothing = log.says("N1", at("14:00:00"), False, source="workday")
    log.tells("N1", nothing, "no-op", at("14:00:01"))
    log.says("H1", at("01:00:00"), False, source="workday", effective=HONOLULU, row="job/1", reason="resigned")
    log.revoked("H1", log.due("H1", at("10:00:00.700")), at("10:00:01.300"))
