"""All mutants, and those that no simulation has shown yet."""

from typing import Final

from tests.simulation.mutants import of_the_delivery_store, of_the_hydrator, of_the_sinks_decisions, of_the_worker

LATE: Final = "a request that lands late while the newer record needs no write"
MOVES: Final = "partitions that move away and back before the brokers have acknowledged"
REPLAN: Final = "mappings that change while partitions move"
ROUND: Final = "a kill, and a change, within a round of a directory's pages"
ANSWERS: Final = "a directory that changes while it answers, and no round afterwards that would tell"
NOT_YET: Final = {
    "a batch that waited for its turn is handled after its partition has moved": MOVES,
    "a date is compared in milliseconds": "a judge of dates that are told of too early",
    "a delivery goes with a transaction that its fate missed": "a kill between two transactions of one store",
    "a fetch under way answers what comes meanwhile": ANSWERS,
    "a later page doesn't override an earlier one": ROUND,
    "a leaver of whom nothing is known isn't urgent": "people who have left when they are first heard of",
    "a leaver waits for what went wrong before": "a leaving while an attempt waits for its next time",
    "a leaver who is tried again goes without a version": "a leaver of whom it wasn't known whose the account is",
    "a link is written with what it leads to": "a kill in the middle of a round of produce requests",
    "a lock that was got as newer work came is kept": "newer work in the very moment in which a lock is free",
    "a mapping on its way is in force after partitions have moved": REPLAN,
    "a move of partitions clears what it should replace": MOVES,
    "a notification is done before its answer is in the log": "a hydrator that is killed before the brokers answer",
    "a notification's time is compared in the wrong unit": ANSWERS,
    "a partition that comes back has the mapping that it had": REPLAN,
    "a raw record is done before its link is": "a kill between two rounds of produce requests",
    "a rejection is done before it is told": "a hydrator that is killed as it rejects",
    "a request of ours without an answer is forgotten with the record": LATE,
    "a retry is told as passed over": "newer work while somebody is tried again",
    "a retry starts while its partition is let go of": "a retry or an order in the moment in which a partition goes",
    "a round that failed counts as sent": "a produce request that fails for good while the process lives",
    "a transaction that took too long is good for once": "a transaction of more than half a session",
    "a transaction under way confirms what was asked for since": "a read during a transaction that is committed late",
    "a turn rests on what the turn before has read": "two turns of one user within one transaction, and a takeover",
    "an answer of before the notification is good enough": ANSWERS,
    "an older link's acknowledgement forgets the newer one": "three words on one subject in three rounds",
    "an older record overtakes by way of a retry": "newer work that ends before a retry does",
    "an order about somebody in flight is lost": "orders about users in flight, and what comes of them",
    "an order to replay is done when it is put": "orders to replay, and kills",
    "deliveries are read before whoever writes them is fenced": "a sink that writes while its successor reads",
    "links on their way are known after partitions have moved": MOVES,
    "newer work is taken on board after the fate": "newer work in the last step of a turn",
    "newer work loses the older one's urgency": "newer work of leavers, and no connection free",
    "newer work that came during the confirmation is passed by": "an older write once a leaving is in its lane",
    "nobody is woken when somebody leaves the gate": "a judge of how long somebody waits at a gate that is open",
    "only who was refused is doubted": LATE,
    "steps are taken after a round that began before": "a kill between two rounds of produce requests",
    "that somebody is active is given up like any attribute": "setbacks, and just as many as it takes",
    "the cursor moves before the page is in the log": ROUND,
    "the first of several requests says how new an answer has to be": ANSWERS,
    "the last record of a changelog wins": "two workers that write of one user around a move",
    "the mass guard's window is in milliseconds": "leavers more than ten minutes apart",
    "the missing are looked for in a round that began in the middle": ROUND,
    "the sink before is thought to have ended at its commit": "nothing: all is thought shared for half a session since",
    "the table's mapping is written with what it led to": "a kill in the middle of a round, with a mapping in it",
    "what the sink before us has done ends at its commit": LATE,
    "what was left out before partitions moved is folded after": MOVES,
    "what was on its way is known after partitions have moved": MOVES,
    "what was passed over isn't thought to be in the air": LATE,
    "what was set aside goes on before the log is read": "a takeover of work that was set aside",
    "what was set aside goes on though the log isn't read yet": "a takeover of work that was set aside",
    "who comes back after a leaving that came to nothing is thought to be in": LATE,
    "who comes back has no skills": "a target that takes skills and roles from whom it deactivates",
    "what comes after a takeover is ours alone": "a sink that loses its place while it lives, and new work just then",
    "what the group refused to keep counts as kept": "a commit that is refused, and nothing new in a partition since",
    "who couldn't be read when they left is overwritten": "a leaver whom the target won't show for a while",
    "who ends while a partition goes starts the next": "a fenced sink with work that waits behind work in flight",
    "who is held isn't read though what is noted is doubted": "a write without an answer before somebody is held",
    "who is noted to be out is out, whatever their turn does": "a leaving while a turn lets somebody in",
    "who is planned anew is the rest of a partition that has moved": REPLAN,
    "who is tried again after a takeover waits for the next look": "orders about who is set aside, and a takeover",
    "whoever asks where it is in a partition that goes falls over": MOVES,
    "who leaves before their create was answered isn't looked for": "a leaving while a create has no answer",
}
"""Name → what a simulation would probably need. Each was tried for fifteen seeds or more, and lived in most runs."""
EVERY: Final = (
    *of_the_delivery_store.MUTANTS,
    *of_the_sinks_decisions.MUTANTS,
    *of_the_worker.MUTANTS,
    *of_the_hydrator.MUTANTS,
)
MUTANTS: Final = tuple(mutant for mutant in EVERY if mutant.name not in NOT_YET)
"""Those that a simulation has to find."""
