"""Target: what one sink knows of its target beyond the single user. All of its turns share it.

A group's ETag is only as good as the moment at which it was read: see `Group.read`. Nobody but `learn` changes it, and
what is learned is a value, so that the decisions stay pure.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from msgspec import Struct

from streamproc.core.flow.loop_limits import LoopLimits
from streamproc.core.scim.dialect import Dialect
from streamproc.core.scim.response_body import id_key
from streamproc.core.scim.spelling import bare, meant

NAMES: Final = 5_000
"""Names that are kept of one kind."""
GROUPS: Final = 2000
"""Groups that are kept of those that are shown though nobody asked for them."""


class Group(Struct, frozen=True):
    """A group of the target. `id` is empty until it was looked up."""

    id: str = ""
    etag: str | None = None
    fresh: bool = False
    """Whether `etag` is the latest that was told; None too may be: not every target has ETags."""
    shown: bool = False
    """It has shown its name at its id. Before, that is what a search says."""
    read: float = 0.0
    """Ticks at which the ETag was learned. A partition must have been confirmed as ours since, before it is used."""


class GroupLearned(Struct, frozen=True):
    """What is known of a group from now on."""

    name: str
    group: Group


class VersionsLearned(Struct, frozen=True):
    """The target has ETags."""


class VersionFormLearned(Struct, frozen=True):
    """The target takes ETags in this form: an index, see `version_forms`."""

    form: int


class ActiveLearned(Struct, frozen=True):
    """The target shows of somebody that they are active."""


class NamesShown(Struct, frozen=True):
    """The target has these names. `kind`: the attribute in which it showed or took them."""

    kind: str
    names: tuple[str, ...]


Learned: TypeAlias = NamesShown | GroupLearned | VersionsLearned | VersionFormLearned | ActiveLearned


class Target:
    """A target, as this sink knows it. `find_id`: the target's id of a user who has been delivered, by this sink or
    another one, as far as that is known.

    `landing`: seconds after which a request that wasn't answered has been applied or never will be. `guarded`: a mass
    guard is asked before somebody is deactivated. `ends_sessions`: a leaver's sessions are ended.
    """

    def __init__(
        self,
        dialect: Dialect,
        find_id: Callable[[str], str | None],
        landing: float,
        *,
        guarded: bool = False,
        ends_sessions: bool = False,
        loops: LoopLimits = LoopLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.dialect = dialect
        self.landing = landing
        self.guarded = guarded
        self.ends_sessions = ends_sessions
        self.loops = loops
        self.versioned = False
        """Whether it has ETags."""
        self.version_form = 0
        """How it takes them: see `version_forms`."""
        self.shows_active = False
        """Whether it shows who is active, so that whoever isn't shown so isn't."""
        self._find_id = find_id
        self._groups: dict[str, Group] = {}
        self._names: dict[str, set[str]] = {}
        """By kind, names that it has shown or taken."""
        self._by_letters: dict[tuple[str, str], set[str]] = {}

    def group(self, name: str) -> Group:
        """The group of that name, as far as it is known."""
        return self._groups.get(name, Group())

    def group_names(self) -> dict[str, str]:
        """Id, in one case, to name, of the groups that were looked up."""
        return {id_key(group.id): name for name, group in self._groups.items() if group.id}

    @property
    def crowded(self) -> bool:
        """Whether it knows so many groups that none is kept which nobody asked for."""
        return len(self._groups) >= GROUPS

    def without_id(self, names: Iterable[str]) -> list[str]:
        """Those of the groups whose id isn't known."""
        return [name for name in names if not self.group(name).id]

    def manager_id(self, manager: str) -> str | None:
        """The target's id of the manager who has this user ID. None: not known."""
        return self._find_id(manager)

    def learn(self, facts: Iterable[Learned]) -> None:
        """Know these from now on."""
        for fact in facts:
            match fact:
                case GroupLearned(name, group):
                    self._groups[name] = group
                    if group.id:
                        self._keep("groups", (name,))
                case NamesShown(kind, names):
                    self._keep(kind, names)
                case VersionsLearned():
                    self.versioned = True
                case VersionFormLearned(form):
                    self.version_form = form
                case ActiveLearned():
                    self.shows_active = True

    def unheard(self, kind: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names of which it isn't known yet that the target has them; none, where no more are kept."""
        known = self._names.get(kind, set())
        return () if len(known) >= NAMES else tuple(name for name in names if name not in known)

    def meant(self, kind: str, name: str) -> str | None:
        """What is probably meant by a name that the target doesn't have, of those that it has shown or taken."""
        if name in self._names.get(kind, ()):
            return None
        spellings = self._by_letters.get((kind, bare(name)), set())
        return meant(name, (each for each in spellings if kind != "groups" or self.group(each).id))

    def _keep(self, kind: str, names: Iterable[str]) -> None:
        known = self._names.setdefault(kind, set())
        for name in names:
            if name not in known and len(known) < NAMES:
                known.add(name)
                self._by_letters.setdefault((kind, bare(name)), set()).add(name)
