"""Runs the broker on behalf of a Python process and ends it with that process, however that process ends.

This file is started as a script of its own, with no imports beyond the standard library. It is the broker's parent.
Its standard input is a pipe held open by the process that wanted the broker: when that pipe closes, or when the
process is gone (a forked relative may still hold the pipe), the broker is stopped and its temporary folder removed.
One mechanism for an orderly stop and for SIGKILL, on Linux and macOS alike.

Everybody on the machine can read a process's arguments, so there are no secrets in them: the broker has the keeper's
own environment. What it writes is for its owner alone.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys

POLL_SECONDS = 0.2
STOP_SECONDS = 15.0
KEEP = b"keep"  # written before closing the pipe: leave the temporary folder where it is


def main() -> None:
    os.umask(0o077)
    parent = os.getppid()
    order = json.loads(sys.argv[1])
    broker: subprocess.Popen[bytes] | None = None
    try:
        broker = subprocess.Popen(  # noqa: S603 - the command comes from broker.py
            order["command"],
            cwd=order["folder"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # which is the broker's log
            stderr=sys.stderr,
            pass_fds=[order["lock"]],  # the folder stays locked for as long as the broker lives
        )
        answer = json.dumps({"pid": broker.pid})
    except OSError as error:
        answer = json.dumps({"error": str(error)})
    os.close(order["lock"])  # the broker's alone: who sees it gone may use the folder
    signal.signal(signal.SIGTERM, lambda *_: broker.terminate() if broker else None)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()

    while not select.select([0], [], [], POLL_SECONDS)[0] and os.getppid() == parent:
        if broker is not None:
            broker.poll()  # takes note of a broker that ended by itself, so that its pid disappears
    last_word = os.read(0, len(KEEP)) if select.select([0], [], [], 0)[0] else b""

    if broker is not None:
        broker.terminate()
        try:
            broker.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()
    if order["remove"] and last_word != KEEP:
        shutil.rmtree(order["folder"], ignore_errors=True)


if __name__ == "__main__":
    main()
