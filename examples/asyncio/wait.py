"""Three runners. Each is greeted on arrival while the others continue: three seconds in all.

The counterpart of examples/wait.rs.
"""

import asyncio


async def race(name, seconds):
    await asyncio.sleep(seconds)
    return name


async def main():
    runners = [("tortoise", 3), ("fox", 2), ("hare", 1)]
    pending = [asyncio.create_task(race(name, time)) for name, time in runners]
    while pending:
        done, pending = await asyncio.wait(
            pending, return_when=asyncio.FIRST_COMPLETED
        )
        for runner in done:
            print(f"{runner.result()} is here, {len(pending)} to come")


asyncio.run(main())
