"""Three dishes are cooked at the same time; the results come in the order of the arguments.

The counterpart of examples/gather.rs.
"""

import asyncio


async def cook(kitchen, dish, seconds):
    print(f"{kitchen}: {dish} on the stove")
    await asyncio.sleep(seconds)
    print(f"{kitchen}: {dish} ready")
    return seconds


async def main():
    kitchen = "downstairs"
    soup, rice, tea = await asyncio.gather(
        cook(kitchen, "soup", 3),
        cook(kitchen, "rice", 2),
        cook(kitchen, "tea", 1),
    )
    print(f"soup {soup} s, rice {rice} s, tea {tea} s")


asyncio.run(main())
