"""An asyncio client of an echo server.

usage: net_client.py PORT COUNT

Opens COUNT connections at once, sends lines over each, checks that every line comes back, half-closes, and checks
that the end comes back too.
"""

import asyncio
import sys


async def talk(port, number, all_connected):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await all_connected.wait()
    for round in range(20):
        line = f"{number} says {round}\n".encode() * (round + 1)
        writer.write(line)
        await writer.drain()
        assert await reader.readexactly(len(line)) == line
    bulk = bytes(range(256)) * 1000
    writer.write(bulk)
    writer.write_eof()
    assert await reader.read(-1) == bulk
    writer.close()
    await writer.wait_closed()


async def main(port, count):
    all_connected = asyncio.Barrier(count)
    await asyncio.gather(*(talk(port, number, all_connected) for number in range(count)))
    print(f"{count} connections were echoed")


asyncio.run(asyncio.wait_for(main(int(sys.argv[1]), int(sys.argv[2])), 60))
