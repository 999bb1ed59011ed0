"""The whole pipeline on one machine: the processes, and a story that is played through them and checked."""
