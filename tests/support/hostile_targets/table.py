"""Every hostile target, with what is to come of a leaver and of somebody who moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from tests.support.hostile_targets import elsewhere as e
from tests.support.hostile_targets import identities as i
from tests.support.hostile_targets import refusals as r
from tests.support.hostile_targets import spellings as s
from tests.support.hostile_targets import versions as v
from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.store import Answered, error

End = Literal["done", "parked", "either"]


@dataclass(frozen=True, slots=True)
class Hostile:
    """One target. `kind`: of fault. `make`: its behaviours, which may remember things."""

    kind: str
    name: str
    make: Callable[[], Sequence[Behaviour]]
    leaver: End = "done"
    """Whether the leaver is revoked in the turn."""
    mover: End = "done"
    """Whether all of a change goes through."""
    outage: bool = False
    """Whether nothing can be sent: everybody waits, and nobody is set aside."""
    hides: bool = False
    """Whether nobody can know of somebody who is there: they are neither shown nor, as yet, refused."""


def _one(kind: str, name: str, make: Callable[[], Behaviour], leaver: End = "done", mover: End = "done") -> Hostile:
    return Hostile(kind, name, lambda: [make()], leaver, mover)


def _never(kind: str, name: str, make: Callable[[], Behaviour]) -> Hostile:
    """Nothing can be done there."""
    return _one(kind, name, make, "parked", "parked")


_PATCH: Final = e.method("PATCH")
_WRITE: Final = e.method("PATCH", "PUT")


def _redirects() -> list[Hostile]:
    hostile: list[Hostile] = []
    for status in (301, 302, 303, 307, 308):
        hostile.append(_never("B", f"redirects-all-{status}", partial(e.redirect, status)))
        hostile.append(_never("B", f"redirects-reads-{status}", partial(e.redirect, status, e.reads)))
        for which in ("POST", "PATCH"):
            make = partial(e.redirect, status, e.method(which))
            mover: End = "parked" if which == "PATCH" else "done"
            hostile.append(_one("B", f"redirects-{which.lower()}-{status}", make, mover=mover))
    return hostile


HOSTILE: Final[tuple[Hostile, ...]] = (
    *_redirects(),
    _never("A", "page-with-200", e.page),
    _never("A", "page-with-200-to-writes", lambda: e.page(e.writes)),
    _one("A", "page-with-200-to-patches", lambda: e.page(_PATCH), mover="parked"),
    _never("A", "page-with-200-to-reads", lambda: e.page(e.reads)),
    _one("A", "login-page-after-applying", lambda: e.Applied(Answered(200, e.PAGE, dict(e.HTML)), _PATCH)),
    _never("C", "truncated", e.Truncated),
    _one("C", "truncated-writes", lambda: e.Truncated(e.writes)),
    _never("A", "arrays", e.InArray),
    _one("C", "reset-after-applying", lambda: e.Applied(Answered(None), e.writes)),
    _one("C", "reset-after-applying-twice", lambda: e.Applied(Answered(None), e.writes, 2)),
    _never("C", "reset-always", lambda: e.Instead(Answered(None))),
    _one("C", "500-after-applying", lambda: e.Applied(error(500), e.writes)),
    _never("C", "5xx-always", lambda: e.Instead(error(503))),
    _never("C", "5xx-to-writes", lambda: e.Instead(error(500), e.writes)),
    _one("C", "5xx-to-patches", lambda: e.Instead(error(500), _PATCH), mover="parked"),
    _one("C", "5xx-for-a-while", lambda: e.Instead(error(503), e.every, 2)),
    _never("C", "429-always", lambda: e.Instead(Answered(429, {}, {"retry-after": "7"}))),
    _never("C", "429-to-writes", lambda: e.Instead(Answered(429, {}, {"retry-after": "7"}), e.writes)),
    Hostile("C", "401-always", lambda: [e.Instead(error(401))], "parked", "parked", outage=True),
    _never("C", "403-always", lambda: e.Instead(error(403))),
    _one("C", "403-to-patches", lambda: e.Instead(error(403), _PATCH), mover="parked"),
    _never("C", "400-to-writes", lambda: e.Instead(error(400), e.writes)),
    _one("B", "204-without-etag", e.Silent),
    _one("B", "204-with-etag", lambda: e.Silent(204, etag=True)),
    _one("A", "200-with-empty-body", lambda: e.Silent(200)),
    _never("A", "no-effect", e.NoEffect),
    Hostile("A", "no-effect-and-204", lambda: [e.Silent(), e.NoEffect()], "parked", "parked"),
    _one("A", "filters-passed-over", i.Unfiltered),
    _one("A", "filters-passed-over-25-a-page", lambda: i.Unfiltered(25)),
    _one("A", "filters-passed-over-one-a-page", lambda: i.Unfiltered(1)),
    _one("A", "filters-passed-over-without-external-id", lambda: i.Unfiltered(100, "externalId")),
    _one("A", "paged-by-one", i.Paged),
    _one("A", "total-as-text", i.TotalAsText),
    _one("A", "total-1000", lambda: i.Lists({"totalResults": 1000})),
    _one("A", "total-0", lambda: i.Lists({"totalResults": 0})),
    _one("A", "no-total", lambda: i.Lists({"totalResults": "-"})),
    _one("A", "no-resources", lambda: i.Lists({"Resources": "-"}), mover="parked"),
    _one("A", "page-that-links-to-itself", i.SamePage),
    _never("A", "other-id-everywhere", i.OtherId),
    _one("A", "other-id-on-reads", lambda: i.OtherId(("GET",)), leaver="parked"),
    _one("A", "other-id-on-writes", lambda: i.OtherId(("PATCH", "PUT"))),
    _one("A", "other-user-on-create", lambda: i.OtherId(("POST",))),
    _one("A", "create-answers-200-with-somebody", i.OthersCreate),
    _one("A", "create-answers-201-with-somebody", lambda: i.OthersCreate(201)),
    _one("A", "search-shows-admin-as-ours", i.SearchLies, mover="done"),
    _one("A", "search-shows-another-group-as-ours", lambda: i.SearchLies("Groups", "g-All"), mover="parked"),
    _one("A", "create-shows-only-an-id", i.Terse),
    _one("A", "create-shows-only-a-location", lambda: i.Terse(located=True)),
    _one("A", "create-shows-only-admins-id", lambda: i.Terse("admin")),
    _one("A", "create-shows-only-admins-location", lambda: i.Terse("admin", located=True)),
    _one("A", "ids-in-another-case", i.IdCase),
    _one("C", "filter-refused-400", i.FilterRefused, mover="parked"),
    _one("C", "filter-refused-501", lambda: i.FilterRefused(501), mover="parked"),
    _one("C", "filter-by-external-id-refused", lambda: i.FilterRefused(400, ("externalId",))),
    _one("C", "create-409-for-title", i.NameTaken),
    Hostile("A", "name-taken-by-nobody-who-is-shown", lambda: [i.HiddenOwner()], hides=True),
    _one("A", "deactivated-and-answered-404", i.Deleted),
    _one("A", "deactivated-and-answered-410", lambda: i.Deleted(410)),
    _one("C", "weak-etag", lambda: v.ChangedETag('W/"5"')),
    _one("C", "etag-with-gzip", lambda: v.ChangedETag('"5-gzip"')),
    _one("C", "weak-etag-with-gzip", lambda: v.ChangedETag('W/"5--gzip"')),
    _one("C", "etag-with-colon-gzip", lambda: v.ChangedETag('"5;br"')),
    _one("C", "strange-etag", lambda: v.ChangedETag('"cdn-5-x"'), mover="either"),
    _one("C", "no-etag", v.NoETag),
    _one("C", "412-with-if-match", v.NeverFits, mover="parked"),
    _never("C", "412-always", lambda: v.NeverFits(412, "", always=True)),
    _never("C", "409-always", lambda: v.NeverFits(409, "", always=True)),
    _one("C", "409-to-patches", lambda: v.NeverFits(409, "", always=True, methods=("PATCH",)), mover="parked"),
    _never("C", "invalid-vers-always", lambda: v.NeverFits(400, "invalidVers", always=True)),
    _one("C", "another-etag-each-time", v.RestlessETag, mover="parked"),
    *(
        _one("B", f"spells-{name}{'-silently' if silent else ''}", partial(s.Shows, change, silent))
        for name, change in (
            ("phone", s.phone),
            ("user-name-in-lower-case", s.lower_user_name),
            ("texts-composed", s.each_text(s.as_composed)),
            ("texts-in-capitals", s.each_text(str.upper)),
            ("texts-trimmed", s.each_text(lambda text: f"{text} ")),
            ("another-title", s.another_title),
            ("title-cut", s.cut_title),
            ("roles-in-capitals", s.roles_in_capitals),
            ("inactive-as-0", s.active_as(0)),
            ("inactive-as-text", s.active_as("false")),
            ("inactive-as-capital-text", s.active_as("False")),
        )
        for silent in (False, True)
    ),
    _one("C", "odd-shapes", lambda: s.Shows(s.odd_shapes), mover="parked"),
    _one("C", "inactive-not-shown", lambda: s.Shows(s.active_as("-")), leaver="either"),
    _one("C", "active-never-shown", lambda: s.Shows(s.active_as("-", when=None)), leaver="either"),
    _one("C", "active-always-shown", lambda: s.Shows(s.active_as(True, when=None)), leaver="parked"),
    _one("C", "active-as-a-word", lambda: s.Shows(s.active_as("enabled", when=None)), leaver="parked"),
    _one("B", "ignores-title", lambda: s.Ignores(("title",)), mover="parked"),
    _one("B", "ignores-roles", lambda: s.Ignores(("roles",)), mover="parked"),
    _one("B", "ignores-members", lambda: s.Ignores(("members",)), mover="either"),
    _one("B", "ignores-active", lambda: s.Ignores(("active",)), leaver="parked"),
    *(
        _one("C", f"{status}-for-title", partial(r.Refuses, status, ("title",)), mover="parked")
        for status in (400, 403, 404, 409, 412, 500, 501)
    ),
    _one("C", "409-for-roles", lambda: r.Refuses(409, ("roles",)), mover="parked"),
    _one("C", "500-for-members", lambda: r.Refuses(500, ("members",)), mover="parked"),
    _one("C", "409-for-members", lambda: r.Refuses(409, ("members",)), mover="parked"),
    _one("A", "new-member-passed-over", r.MembersPassedOver, mover="parked"),
    _one("A", "new-member-passed-over-and-groups-hidden", partial(r.MembersPassedOver, hidden=True), mover="parked"),
    _one("A", "removal-passed-over", partial(r.MembersPassedOver, op="remove"), mover="parked"),
    _one("C", "member-twice-409", lambda: r.MemberTwice(409), mover="either"),
    _one("C", "member-twice-500", lambda: r.MemberTwice(500), mover="either"),
    *(
        _one("C", f"revokes-only-{form.replace(' ', '-')}-{status}", partial(r.Forms, form, status))
        for form in ("unconditional", "without path", "put", "put unconditional")
        for status in (400, 409, 412, 500, 501, 404, 403)
    ),
    _one("C", "patch-404-get-shows", r.NotThere, mover="parked"),
    _one("C", "patch-410-get-shows", lambda: r.NotThere(status=410), mover="parked"),
    _never("C", "patch-and-put-404", lambda: r.NotThere(methods=("PATCH", "PUT"))),
    _one("A", "carried-out-and-answered-404", lambda: r.NotThere(applied=True)),
    _one("C", "no-patch-at-all", lambda: e.Instead(error(501), _PATCH), mover="parked"),
    _one("C", "405-to-patches", lambda: e.Instead(error(405), _PATCH), mover="parked"),
    _never("C", "writes-forbidden", lambda: e.Instead(error(403), _WRITE)),
)
