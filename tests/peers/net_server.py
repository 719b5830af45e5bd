"""An asyncio server that sends each message back turned around, once the client has half-closed.

Prints its port, serves until its standard input ends, then prints how many connections it had.
"""

import asyncio
import sys

connections = 0


async def serve(reader, writer):
    global connections
    connections += 1
    message = await reader.read(-1)
    writer.write(message[::-1])
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=200)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    print(connections)


asyncio.run(asyncio.wait_for(main(), 60))
