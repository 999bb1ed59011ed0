"""Every client of a directory, on a connection of the test's."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from streamproc.hydrator.directories.api import Directory
from streamproc.hydrator.directories.bamboohr import BambooHR
from streamproc.hydrator.directories.entra import Graph
from streamproc.hydrator.directories.finch import Finch
from streamproc.hydrator.directories.gusto import Gusto
from streamproc.hydrator.directories.hibob import HiBob
from streamproc.hydrator.directories.kombo import Kombo
from streamproc.hydrator.directories.merge import Merge
from streamproc.hydrator.directories.okta import Okta
from streamproc.hydrator.directories.personio import Personio
from streamproc.hydrator.directories.pingone import PingOne
from streamproc.hydrator.directories.workday import Workday
from streamproc.sources import SOURCES

SUBJECT: Final = "4711"

CLIENTS: Final[Mapping[str, Callable[[Any], Directory]]] = {
    "okta": Okta,
    "entra": lambda api: Graph(api, SOURCES["entra"].defaults),
    "pingone": lambda api: PingOne(api, "env"),
    "workday": lambda api: Workday(api, SOURCES["workday"].defaults, "Updated_From", "Employee_ID"),
    "bamboohr": lambda api: BambooHR(api, SOURCES["hris"].defaults, 50),
    "hibob": lambda api: HiBob(api, SOURCES["hris"].defaults),
    "gusto": lambda api: Gusto(api, "company", 50),
    "personio": lambda api: Personio(api, 50),
    "finch": lambda api: Finch(api, 50),
    "merge": lambda api: Merge(api, 50),
    "kombo": lambda api: Kombo(api, 50),
}
