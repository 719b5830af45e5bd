"""Runs programs given as coroutine functions on asyncio, on virtual time, and prints their traces."""

import asyncio
import selectors
from asyncio import CancelledError


class Jump(selectors.DefaultSelector):
    """Never waits: the clock jumps to the next timer."""

    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise AssertionError("a program hangs")
        if timeout > 0:
            self.loop.now = self.loop._scheduled[0]._when
        return []


class Loop(asyncio.SelectorEventLoop):
    """A loop whose seconds are a program's microseconds."""

    def __init__(self):
        self.now = 0
        selector = Jump()
        selector.loop = self
        super().__init__(selector)
        # A moment of the loop's own would be lost beside so many seconds.
        self._clock_resolution = 0.5

    def time(self):
        return self.now


class Failed(Exception):
    """The failure of a task, branch or child."""


class World:
    """What the tasks of a program share."""

    def __init__(self, loop, awaited):
        self.loop, self.awaited = loop, awaited
        self.tasks, self.taken, self.trace = {}, set(), []

    def say(self, what):
        self.trace.append(f"{int(self.loop.time())} {what}")

    def admit(self, number, task):
        self.tasks[number] = task
        if number not in self.awaited:
            task.add_done_callback(lambda task: self.say(f"task {number}: {how(task)}"))
        return task

    def spawn(self, number, body):
        self.admit(number, self.loop.create_task(self.named(number, body)))

    async def named(self, number, body):
        self.say(f"start {number}")
        await body()

    def cancel(self, number):
        task = self.tasks.get(number)
        said = str(task.cancel()).lower() if task else "none"
        self.say(f"cancel {number}: {said}")

    async def join(self, number, resume):
        task = self.tasks.get(number)
        if task is None or number in self.taken:
            return self.say(f"await {number}: none")
        self.taken.add(number)
        me = asyncio.current_task()
        before = me.cancelling()
        try:
            await task
        except Failed:
            pass
        except CancelledError:
            if me.cancelling() > before:
                raise
        # Had the task swallowed the cancellation that came through the awaiter, asyncio's awaiter would go on.
        if me.cancelling() > before and not NATURAL:
            raise CancelledError
        self.say(f"await {number}: {how(task)}")
        if resume and task.cancelled():
            raise CancelledError


def how(task):
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "value"


def run(loop, number, main, awaited):
    loop.now = 0
    world = World(loop, awaited)
    world.spawn(0, main(world))

    async def over():
        while running := [task for task in world.tasks.values() if not task.done()]:
            await asyncio.wait(running)

    loop.run_until_complete(over())
    print("program", number)
    print("\n".join(world.trace))


def run_all(programs):
    loop = Loop()
    loop.set_exception_handler(lambda loop, context: None)
    for number, (main, awaited) in enumerate(programs):
        run(loop, number, main, awaited)
