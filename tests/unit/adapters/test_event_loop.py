"""The event loop: what it does otherwise than uvloop."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

from streamproc.adapters.event_loop import Loop
from tests.support.secured import Authority


def test_a_tls_connection_whose_other_side_says_no_goodbye_is_closed_soon(tmp_path: Path) -> None:
    """The other side keeps silent and keeps the connection; closing ends all the same, and in no 30 seconds."""
    authority = Authority("test")
    certificate, key = authority.issue("server", hosts=["127.0.0.1"])
    (tmp_path / "server.pem").write_text(certificate + key)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "server.pem")
    client_side = ssl.create_default_context(cadata=authority.pem)

    def silent(listener: socket.socket) -> ssl.SSLSocket:
        connection, _ = listener.accept()
        return server_side.wrap_socket(connection, server_side=True, suppress_ragged_eofs=True)

    async def seconds() -> float:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            accepting = asyncio.get_running_loop().run_in_executor(None, silent, listener)
            _, writer = await asyncio.open_connection(*listener.getsockname(), ssl=client_side)
            with await accepting:
                began = time.monotonic()
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
                return time.monotonic() - began

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(seconds()) < 5
