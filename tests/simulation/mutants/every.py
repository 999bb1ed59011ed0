"""All mutants."""

from typing import Final

from tests.simulation.mutants import of_the_delivery_store, of_the_hydrator, of_the_sinks_decisions, of_the_worker

MUTANTS: Final = (
    *of_the_delivery_store.MUTANTS,
    *of_the_sinks_decisions.MUTANTS,
    *of_the_worker.MUTANTS,
    *of_the_hydrator.MUTANTS,
)
