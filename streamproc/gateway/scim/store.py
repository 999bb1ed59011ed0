"""The state of all connections of one partition of `events.scim`, in a SQLite file: what clients read.

Rule 1: the file is a cache. One that can't be read, or is of something else, is thrown away, and the log makes it anew.
So nothing is synced; whoever opens it says what it is of, the machine's start included, since after a loss of power it
may be half written.
Rule 2: what records have done, and how far they have been read, is committed at once.
Rule 3: one thread of one process uses it, and sees within a batch what the batch has done so far, as the fold has to.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from msgspec import MsgspecError
from msgspec.json import Decoder

from streamproc.core.provider.filter import attribute_path
from streamproc.core.provider.matching import comparable, resolve, values_at
from streamproc.core.provider.resource_types import USERS
from streamproc.core.provider.schema import Target
from streamproc.core.provider.state import Folded, ResourceType, ScimResource
from streamproc.gateway.scim.filter_sql import ALL, COLUMNS, Condition

VERSION: Final = 1
"""Of the tables, and of what is in them: a file of another version is thrown away."""
_TABLES: Final = """
CREATE TABLE progress (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE resource (first INTEGER PRIMARY KEY, connection TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
    user_name TEXT, external_id TEXT, display_name TEXT, employee_number TEXT, active INTEGER);
CREATE UNIQUE INDEX resource_id ON resource (id, connection);
CREATE INDEX resource_type ON resource (connection, type);
CREATE INDEX resource_user_name ON resource (user_name, connection, type);
CREATE INDEX resource_external_id ON resource (external_id, connection, type);
CREATE INDEX resource_display_name ON resource (display_name, connection, type);
CREATE INDEX resource_employee_number ON resource (employee_number, connection, type);
CREATE TABLE document (first INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE claim (value TEXT, attribute TEXT, type TEXT, connection TEXT, id TEXT NOT NULL,
    PRIMARY KEY (value, attribute, type, connection)) WITHOUT ROWID;
CREATE TABLE email (resource INTEGER, value TEXT, PRIMARY KEY (resource, value)) WITHOUT ROWID;
CREATE INDEX email_value ON email (value);
CREATE TABLE member (team INTEGER, user TEXT, PRIMARY KEY (team, user)) WITHOUT ROWID;
CREATE INDEX member_user ON member (user);
"""
"""`first`, `resource`, `team`: offset of the record that made a resource; their order is that of creation. A team is a
group, which is a word of SQL. Whole resources lie apart, so that whoever only counts reads little.
"""

Row: TypeAlias = tuple[str | int | None, ...]


class Store:
    """An open file. `path`: it and two beside it, with `-wal` and `-shm` at the end of their names."""

    def __init__(self, path: Path, of: str) -> None:
        """`of`: what the file is of. Raises sqlite3.OperationalError where there is no right to it, no room for it, or
        another process that uses it.
        """
        self.path = path
        try:
            self._database = _opened(path, of)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            discard(path)
            self._database = _opened(path, of)

    @property
    def next_offset(self) -> int:
        """Where to go on reading the partition; 0 in the beginning."""
        return int(self._database.execute("SELECT value FROM progress WHERE name = 'next_offset'").fetchone()[0])

    @contextmanager
    def batch(self, next_offset: int) -> Iterator[None]:
        """What is applied within it is committed at its end, with where to go on. Raised errors undo all of it."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("UPDATE progress SET value = ? WHERE name = 'next_offset'", (next_offset,))
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # a full disk has ended it already, and is what is to be told
                self._database.execute("ROLLBACK")
            raise

    def of(self, connection: str) -> "StoredResources":
        """The resources of a connection, now and later."""
        return StoredResources(self._database, connection)

    def close(self) -> None:
        self._database.close()


def discard(path: Path) -> None:
    """Deletes a file that nobody has open."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _opened(path: Path, of: str) -> sqlite3.Connection:
    database = _connected(path)
    try:
        if database.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            found = database.execute("SELECT value FROM progress WHERE name = 'of'").fetchone()
            if found == (of,):
                return database
        database.close()
        discard(path)
        database = _connected(path)
        database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION};")
        database.executemany("INSERT INTO progress VALUES (?, ?)", [("of", of), ("next_offset", 0)])
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _connected(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)  # for its owner alone, and so are those beside it: it holds people's names
    database = sqlite3.connect(path, isolation_level=None, timeout=0)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = OFF", "temp_store = MEMORY"):
        database.execute(f"PRAGMA {pragma}")
    return database


class StoredResources:
    """See FoldedResources; and what lists need."""

    def __init__(self, database: sqlite3.Connection, connection: str) -> None:
        self._database = database
        self.connection = connection

    def get(self, id: str) -> ScimResource | None:  # noqa: A002 - see the protocol
        """See Resources."""
        found = self._database.execute(
            "SELECT value FROM resource JOIN document USING (first) WHERE id = ? AND connection = ?",
            (id, self.connection),
        ).fetchone()
        return None if found is None else _decode(found[0])

    def claimant(self, type: ResourceType, attribute: str, value: str) -> str | None:  # noqa: A002 - see the protocol
        """See Resources."""
        found = self._database.execute(
            "SELECT id FROM claim WHERE value = ? AND attribute = ? AND type = ? AND connection = ?",
            (value, attribute, type, self.connection),
        ).fetchone()
        return None if found is None else str(found[0])

    def members(self, group: str) -> AbstractSet[str]:
        """See Resources."""
        found = self._database.execute(_MEMBERS, (group, self.connection))
        return frozenset(_first(found))

    def members_among(self, group: str, ids: Collection[str]) -> AbstractSet[str]:
        """See Resources."""
        sql = f"{_MEMBERS} AND user = ?"
        return {each for each in ids if self._database.execute(sql, (group, self.connection, each)).fetchone()}

    def known(self, ids: Collection[str]) -> AbstractSet[str]:
        """See Resources."""
        sql = "SELECT 1 FROM resource WHERE id = ? AND connection = ?"
        return {each for each in ids if self._database.execute(sql, (each, self.connection)).fetchone()}

    def groups_of(self, user: str) -> list[tuple[str, str | None]]:
        """Id and displayName of each group with this member, in the order of creation."""
        found = self._database.execute(
            "SELECT value FROM member JOIN document ON first = team JOIN resource USING (first)"
            " WHERE user = ? AND connection = ? ORDER BY first",
            (user, self.connection),
        )
        return [(each.id, each.attributes.get("displayName")) for each in map(_decode, _first(found))]

    def count(self, type: ResourceType, condition: Condition) -> int:  # noqa: A002 - RFC 7643's
        """How many resources the condition lets through."""
        sql = f"SELECT count(*) {_where(condition)}"
        return int(self._database.execute(sql, (self.connection, type, *condition.parameters)).fetchone()[0])

    def page(self, type: ResourceType, condition: Condition, skip: int, most: int) -> Iterator[ScimResource]:  # noqa: A002
        """Resources that the condition lets through, in the order of creation."""
        which = f"SELECT r.first {_where(condition)} ORDER BY r.first LIMIT ? OFFSET ?"
        sql = f"SELECT value FROM document WHERE first IN ({which}) ORDER BY first"  # noqa: S608 - filter_sql.py, rule 2
        found = self._database.execute(sql, (self.connection, type, *condition.parameters, most, skip))
        return map(_decode, _first(found))

    def apply(self, folded: Folded) -> None:
        """See FoldedResources. Within a batch only."""
        assert self._database.in_transaction
        before, after = folded.before, folded.after
        if not folded.changed:
            return
        self._claim(before, after)
        self._describe(before, after)
        if after is not None:
            removed, added = ([(after.first, each) for each in ids] for ids in (folded.removed, folded.added))
            self._database.executemany("DELETE FROM member WHERE team = ? AND user = ?", removed)
            self._database.executemany("INSERT INTO member VALUES (?, ?)", added)

    def _claim(self, before: ScimResource | None, after: ScimResource | None) -> None:
        had, has = _claims(before), _claims(after)
        self._database.executemany(
            "DELETE FROM claim WHERE value = ? AND attribute = ? AND type = ? AND connection = ? AND id = ?",
            [(*each[:3], self.connection, each[3]) for each in had - has],
        )
        self._database.executemany(
            "INSERT INTO claim VALUES (?, ?, ?, ?, ?)", [(*each[:3], self.connection, each[3]) for each in has - had]
        )

    def _describe(self, before: ScimResource | None, after: ScimResource | None) -> None:
        had, has = _emails(before), _emails(after)
        self._database.executemany("DELETE FROM email WHERE resource = ? AND value = ?", had - has)
        self._database.executemany("INSERT INTO email VALUES (?, ?)", has - had)
        if after is None:
            if before is not None:
                self._database.execute("DELETE FROM resource WHERE first = ?", (before.first,))
                self._database.execute("DELETE FROM document WHERE first = ?", (before.first,))
                self._database.execute("DELETE FROM member WHERE team = ?", (before.first,))
            return
        if before is None:
            row = (after.first, self.connection, after.type, after.id, *_columns(after))
            self._database.execute("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        elif (now := _columns(after)) != _columns(before):
            self._database.execute(
                "UPDATE resource SET user_name = ?, external_id = ?, display_name = ?, employee_number = ?, active = ?"
                " WHERE first = ?",
                (*now, after.first),
            )
        self._database.execute("INSERT OR REPLACE INTO document VALUES (?, ?)", (after.first, after.encoded()))


_MEMBERS: Final = (
    "SELECT user FROM member"
    " WHERE team = (SELECT first FROM resource WHERE id = ? AND connection = ? AND type = 'Group')"
)
_decoder: Final = Decoder(ScimResource)


def _decode(value: bytes) -> ScimResource:
    try:
        return _decoder.decode(value)
    except MsgspecError:
        damaged = sqlite3.DatabaseError("it holds what isn't a resource")
        damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damaged from None


def _where(condition: Condition) -> str:
    """Which resources. With `+` SQLite doesn't go through all of a type, but by indexes of the condition."""
    plus = "" if condition == ALL else "+"
    return f"FROM resource AS r WHERE {plus}r.connection = ? AND {plus}r.type = ? AND {condition.sql}"


def _target(path: str) -> Target:
    named = attribute_path(path)
    target = None if named is None else resolve(USERS, named)
    assert target is not None
    return target


_COLUMNS: Final = [
    (values_at(target), target.leaf.case_exact) for target in (_target(path) for path in COLUMNS if path != "id")
]
"""How what the columns of texts have is found: those of a group have the same names."""
_EMAILS: Final = values_at(_target("emails.value"))


def _columns(resource: ScimResource) -> Row:
    """From `user_name` on."""
    active = resource.attributes.get("active")
    texts = [_text(next(iter(values(resource.attributes)), None), exact) for values, exact in _COLUMNS]
    return (*texts, int(active) if isinstance(active, bool) else None)


def _text(value: Any, case_exact: bool) -> str | None:
    return comparable(value, case_exact=case_exact) if isinstance(value, str) else None


def _emails(resource: ScimResource | None) -> AbstractSet[tuple[int, str]]:
    if resource is None:
        return frozenset()
    texts = (_text(each, case_exact=False) for each in _EMAILS(resource.attributes))
    return {(resource.first, each) for each in texts if each is not None}


def _claims(resource: ScimResource | None) -> AbstractSet[tuple[str, str, ResourceType, str]]:
    if resource is None:
        return frozenset()
    return {(value, attribute, resource.type, resource.id) for attribute, value in resource.claims.items()}


def _first(rows: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    return (row[0] for row in rows)
