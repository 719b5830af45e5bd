"""One task raises an expected error, another one has a bug; the code that awaits them handles both.

The counterpart of examples/errors.rs.
"""

import asyncio


async def parse(text):
    await asyncio.sleep(1)
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"not a number: {text}") from None


async def stumble():
    await asyncio.sleep(1)
    raise AssertionError("the floor is wet")


async def main():
    parsing = asyncio.create_task(parse("seven"))
    stumbling = asyncio.create_task(stumble())
    try:
        print(f"parsed: {await parsing}")
    except ValueError as error:
        print(f"failed: {error}")
    try:
        print(f"walked: {await stumbling}")
    except AssertionError as bug:
        print(f"panicked: {bug}")
    print("still here")


asyncio.run(main())
