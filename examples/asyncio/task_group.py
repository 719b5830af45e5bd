"""A group of tasks: one page is missing, so the other fetches are cancelled and clean up.

The counterpart of examples/task_group.rs.
"""

import asyncio


async def fetch(page, seconds, got):
    await asyncio.sleep(seconds)
    if page == "missing":
        raise LookupError(f"no page called {page}")
    print(f"fetched {page}")
    got.append(page)


async def spin_disk():
    try:
        await asyncio.sleep(3600)
    finally:
        print("stopping the disk")
        await asyncio.sleep(1)
        print("the disk has stopped")


async def main():
    got = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(spin_disk())
            group.create_task(fetch("index", 1, got))
            group.create_task(fetch("missing", 2, got))
            group.create_task(fetch("slow", 9, got))
    except* LookupError as failed:
        print(f"failed: {failed.exceptions[0]}")
    print(f"{len(got)} fetched, nobody left")


asyncio.run(main())
