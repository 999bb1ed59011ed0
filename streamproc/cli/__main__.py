"""`python -m streamproc.cli`: how child processes are started."""

from streamproc.cli.main import main

if __name__ == "__main__":
    main()
