"""Three clients of a server that will be stopped: prints for each what came until the end.

A server at HOST PORT is sent one request that is done soon, one that is not, and by the third,
after one answer, nothing more.
"""

import asyncio
import sys

PATIENCE = 50


async def ask(host, port, name, request):
    """Sends one line and reads until the server closes the connection."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request + b"\n")
    received = await reader.read(-1)
    print(f"{name}: {received.decode()!r}", flush=True)
    writer.close()


async def main(host, port):
    clients = [("soon", b"0.5 soon"), ("late", b"3600 late"), ("idle", b"idle")]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for name, request in clients:
            group.create_task(ask(host, port, name, request))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
