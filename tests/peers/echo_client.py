"""An echo client: exits with 0 if the server at HOST PORT sends everything back.

Each check opens its own connections, and the last one is the first again, so that a server
hurt by any of the others is found out.
"""

import asyncio
import os
import socket
import struct
import sys

PATIENCE = 20


async def lines(host, port):
    """Line by line: each answer comes before the next line is sent."""
    reader, writer = await asyncio.open_connection(host, port)
    for number in range(50):
        line = b"line %d\n" % number
        writer.write(line)
        answer = await reader.readexactly(len(line))
        assert answer == line, f"sent {line}, received {answer}"
    writer.close()
    await writer.wait_closed()


async def large(host, port):
    """Two megabytes, written while they are read; then a half-close, answered by the end."""
    sent = os.urandom(2 * 1024 * 1024)
    reader, writer = await asyncio.open_connection(host, port)

    async def send():
        writer.write(sent)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    received = await reader.read(-1)
    await sending
    assert received == sent, f"{len(received)} bytes of {len(sent)}, or others"
    writer.close()


async def nothing(host, port):
    """A connection that says nothing and ends: the server ends it too."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write_eof()
    assert await reader.read(-1) == b""
    writer.close()


async def reset(host, port):
    """A peer that vanishes in mid-message, by a reset."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"half a mess")
    await reader.readexactly(1)
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, linger
    )
    writer.transport.abort()


async def many(host, port):
    """Two hundred connections at once, each with its own lines."""
    await asyncio.gather(*(lines(host, port) for _ in range(200)))


async def main(host, port):
    for check in (lines, large, nothing, reset, many, lines):
        try:
            await asyncio.wait_for(check(host, port), PATIENCE)
        except (AssertionError, OSError, EOFError, asyncio.TimeoutError) as error:
            sys.exit(f"echo_client.py: {check.__name__}: {error!r}")


if len(sys.argv) != 3 or not sys.argv[2].isdigit():
    print("usage: echo_client.py HOST PORT", file=sys.stderr)
    sys.exit(2)
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
