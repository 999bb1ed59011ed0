"""Stateful stand-ins for the directories of who works here: Okta, Microsoft Graph, PingOne, Workday, HR vendors.

One person, in our words (`people.py`), is shown by each in its vendor's shape, and each change sends the hook that the
vendor would send. Where a vendor's documents leave something open, the harsher answer is given.
"""

from streamproc.simulator.directories.admin_api import Directories
from streamproc.simulator.directories.options import DirectoryOptions

__all__ = ["Directories", "DirectoryOptions"]
