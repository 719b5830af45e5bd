"""A task that would run forever is cancelled after three seconds, and cleans up first.

The counterpart of examples/cancel.rs.
"""

import asyncio


async def work():
    try:
        while True:
            print("Running...")
            await asyncio.sleep(1)
    except asyncio.CancelledError:
        print("Task was cancelled")
        return "all tidy"


async def main():
    task = asyncio.create_task(work())
    await asyncio.sleep(3)
    task.cancel()
    print(f"the task returned: {await task}")


asyncio.run(main())
