"""All acts of the demo, one after the other, through a stack that runs."""

from collections.abc import Callable

from streamproc.demo.directories import play_directories
from streamproc.demo.play import Ending, Played, play
from streamproc.demo.processes import Stack
from streamproc.demo.scim_clients import play_scim_clients
from streamproc.demo.supervisor import play_supervisor


async def play_acts(running: Stack, say: Callable[[str], None], told: Callable[[Played], None]) -> Ending:
    """Play and check. `say`: a line; `told`: a step, once it has been played. What goes wrong is in the Ending."""
    say("playing the story ...")
    ending = await play(running.settings.kafka, running.simulator, told)
    say("second act: the same told by Okta, Entra, PingOne and Workday; starting gateway and hydrator ...")
    ending += await play_directories(running, told)
    say("third act: the apps of Okta and Entra push by SCIM; starting another gateway ...")
    ending += await play_scim_clients(running, told)
    say("fourth act: a supervisor changes Genesys by hand; starting reconcile ...")
    ending += await play_supervisor(running, told, say)
    say("fifth act: an auditor asks the log ...")
    from streamproc.demo.audit import play_audit  # noqa: PLC0415 - which reads archives, as services don't

    return ending + await play_audit(running.settings.kafka, say)
