"""Two waits, one after the other: three seconds in all.

The counterpart of examples/say_after.rs.
"""

import asyncio


async def say_after(seconds, what):
    await asyncio.sleep(seconds)
    print(what)


async def main():
    print("started")
    await say_after(1, "hello")
    await say_after(2, "world")
    print("finished")


asyncio.run(main())
