"""Two tasks add numbers for one second each, at the same time, and return 3 and 7.

The counterpart of examples/results.rs.
"""

import asyncio


async def add(a, b):
    await asyncio.sleep(1)
    return a + b


async def main():
    first = asyncio.create_task(add(1, 2))
    second = asyncio.create_task(add(3, 4))
    print(f"first: {await first}")
    print(f"second: {await second}")


asyncio.run(main())
