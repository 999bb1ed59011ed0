"""Canaille, an identity provider by other people, pushes users and groups: run in its own environment.

Arguments: URL below which the endpoints are, and a token. Writes a line for each step: RESULT, status, name, "", why.
What Canaille makes of an answer that it doesn't like is a line of its log, so these count as failures.
"""

import logging
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

_complaints: list[str] = []


class _Complaints(logging.Handler):
    """What Canaille warns of while it pushes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        _complaints.append(record.getMessage())


def main(url: str, token: str) -> None:
    """Play."""
    app = import_module("canaille").create_app(
        {
            "SECRET_KEY": "of nobody",
            "SERVER_NAME": "canaille.test",
            "TESTING": True,
            "CANAILLE": {"DATABASE": "memory", "LOGGING": None},
            "CANAILLE_OIDC": {},
            "CANAILLE_SCIM": {"ENABLE_CLIENT": True},
        }
    )
    app.logger.addHandler(_Complaints(level=logging.INFO))
    app.logger.setLevel(logging.INFO)
    models = import_module("canaille.app.models")
    with app.app_context(), app.test_request_context(), app.backend.session():
        _push(models, app.backend, url, token)


def _push(models: Any, backend: Any, url: str, token: str) -> None:
    now = import_module("datetime").datetime.now(import_module("datetime").UTC)
    client = models.Client(client_id="gateway", client_name="gateway", client_uri=url)
    backend.save(client)
    backend.save(
        models.Token(
            token_id="ours",
            access_token=token,
            subject=None,
            audience=[client],
            client=client,
            scope=["openid"],
            issue_date=now,
            lifetime=36_000,
        )
    )
    kim = models.User(user_name="kim", family_name="Lee", formatted_name="Kim Lee", emails=["kim@example.com"])
    lou = models.User(user_name="lou", family_name="Ray", formatted_name="Lou Ray", emails=["lou@example.com"])
    lou.employee_number = "E7"
    remote = _Remote(url, token)

    def step(name: str, of: Any, check: Callable[[], None], **changed: Any) -> None:
        def does() -> None:
            for attribute, value in changed.items():
                setattr(of, attribute, value)
            backend.save(of)
            check()

        _step(name, does)

    def gone(name: str, of: Any, kind: str) -> None:
        def does() -> None:
            backend.delete(of)
            remote.has_not(kind, of)

        _step(name, does)

    step("create user", kim, partial(remote.has, kim, userName="kim"))
    step("create another", lou, partial(remote.has, lou, userName="lou"))
    step("update user", kim, partial(remote.has, kim, title="Agent"), title="Agent", phone_numbers=["+13175550100"])
    group = models.Group(display_name="Sales", members=[kim, lou])
    step("create group", group, partial(remote.has_members, group, kim, lou))
    step("leave group", group, partial(remote.has_members, group, lou), members=[lou])
    step("another joins", group, partial(remote.has_members, group, kim, lou), members=[kim, lou])
    step("deactivate", lou, partial(remote.has, lou, active=False), lock_date=now)
    step("reactivate", lou, partial(remote.has, lou, active=True), lock_date=None)
    gone("delete user", kim, "Users")
    gone("delete group", group, "Groups")


class _Remote:
    """What is there, read beside Canaille."""

    def __init__(self, url: str, token: str) -> None:
        self._http = import_module("httpx").Client(base_url=url, headers={"Authorization": f"Bearer {token}"})

    def find(self, kind: str, of: Any) -> list[dict[str, Any]]:
        """By the id that Canaille gives."""
        asked = {"filter": f'externalId eq "{of.id}"', "attributes": ""}
        found: list[dict[str, Any]] = self._http.get(f"/{kind}", params=asked).json()["Resources"]
        return found

    def has(self, user: Any, **wanted: Any) -> None:
        """A user who is like this."""
        (found,) = self.find("Users", user)
        for name, value in wanted.items():
            assert found.get(name) == value, found

    def has_members(self, group: Any, *users: Any) -> None:
        """A group that these are in."""
        (found,) = self.find("Groups", group)
        ids = {self.find("Users", each)[0]["id"] for each in users}
        assert {each["value"] for each in found.get("members", ())} == ids, found

    def has_not(self, kind: str, of: Any) -> None:
        """Nothing of this one."""
        assert not self.find(kind, of)


def _step(name: str, does: Callable[[], Any]) -> None:
    _complaints.clear()
    status, why = "SUCCESSFUL", ""
    try:
        does()
    except Exception as failed:  # noqa: BLE001 - the next step is played all the same
        status, why = "FAILED", f"{type(failed).__name__} {failed}"
    if _complaints and status == "SUCCESSFUL":
        status = "FAILED"
    why = " ".join(f"{why} {_complaints}".split()) if status == "FAILED" else ""
    sys.stdout.write(f"RESULT\t{status}\t{name}\t\t{why}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
