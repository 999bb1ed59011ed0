"""Revoke forms: the ways of telling a target that somebody is inactive, from the one that it should take to the last.

A leaver whom one form doesn't revoke is sent the next. The first is the only one that can't overwrite what somebody
else has just written; that a leaver keeps their access is worse. Replacing the whole user (RFC 7644 §3.5.1) says
nothing but what the target itself has just shown, so it comes after a read.
"""

from typing import Any, Final

from streamproc.core.records.operation import Deactivate
from streamproc.core.records.resource import Resource
from streamproc.core.scim.dialect import PATCH_OP, patch_body
from streamproc.core.scim.filter import resource_path
from streamproc.core.scim.version_forms import version_forms
from streamproc.sink.decide.progress import Freshness, Progress
from streamproc.sink.decide.steps import Read, ScimRequest, SendUser
from streamproc.sink.decide.target import Target

CONDITIONAL: Final = 0
"""PATCH of `active` by its path, with If-Match."""
UNCONDITIONAL: Final = 1
"""The same without If-Match."""
WITHOUT_PATH: Final = 2
"""PATCH whose value is the attribute (RFC 7644 §3.5.2.3)."""
WHOLE: Final = 3
"""PUT of the user as shown, but inactive, with If-Match."""
WHOLE_UNCONDITIONAL: Final = 4

_READ_ONLY: Final = frozenset({"meta", "groups", "password"})
"""What a user resource shows and nobody writes (RFC 7643 §3.1, §4.1.2), or never shows."""


def next_form(progress: Progress) -> int | None:
    """The form after the one that came to nothing. None: that was the last."""
    if not progress.patient:
        return None
    later = range(progress.form + 1, WHOLE_UNCONDITIONAL + 1)
    without = {UNCONDITIONAL, WHOLE_UNCONDITIONAL} if progress.etag is None else set()
    if progress.etag in progress.replaced:  # reads lag behind: what they show would take the place of what is newer
        without.add(WHOLE_UNCONDITIONAL)
    return next((form for form in later if form not in without), None)


def revoke(progress: Progress, target: Target) -> SendUser | Read:
    """The next request that is to make the user inactive, or the read that has to come before it."""
    form, there = progress.form, resource_path("Users", str(progress.id))
    inactive = Resource(active=False)
    body: dict[str, Any]
    method = "PATCH"
    if form in {WHOLE, WHOLE_UNCONDITIONAL}:
        if progress.body is None or progress.freshness is not Freshness.READ:
            return Read(ScimRequest("read", "GET", there), hurry=True)
        method = "PUT"
        body = {name: value for name, value in progress.body.items() if name not in _READ_ONLY} | {"active": False}
    elif form == WITHOUT_PATH:
        body = {"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": {"active": False}}]}
    else:
        body = patch_body(progress.held or Resource(), inactive, target.dialect)
    if_match = version(progress, target, progress.etag) if form in {CONDITIONAL, WHOLE} else None
    request = ScimRequest("write", method, there, body, if_match, progress.learned)
    return SendUser(request, Deactivate(), inactive, None)


def version(progress: Progress, target: Target, etag: str | None) -> str | None:
    """An ETag as the target takes it in If-Match."""
    if etag is None:
        return None
    forms = version_forms(etag)
    return forms[(target.version_form + progress.version_form) % len(forms)]
