"""Mistakes in the product that a simulation has to find. `python -m tests.simulation.mutants [NAME...]`"""
