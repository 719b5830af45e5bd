"""Two tasks are created and then awaited. They wait at the same time: two seconds in all.

The counterpart of examples/tasks.rs.
"""

import asyncio


async def say_after(seconds, what):
    await asyncio.sleep(seconds)
    print(what)


async def main():
    hello = asyncio.create_task(say_after(1, "hello"))
    world = asyncio.create_task(say_after(2, "world"))
    print("both are on their way")
    await hello
    await world
    print("finished")


asyncio.run(main())
