"""A local send of pymfp, driven by the Rust side of the report.

Two agents of one runtime and one channel between them. For each line `MODE LENGTH COUNT` on standard input it sends so
many messages in a tight loop inside of an asyncio event loop, each until its handler has returned, and prints the seconds.

`sync`: a plain handler and the configuration as it comes. pymfp then starts a thread for each message, which is how it
bounds the time of a handler.
`async`: a coroutine as handler, and otherwise the same; pymfp then starts a task and a timer for each message.
`untimed`: a coroutine as handler and None as the limit on its time, outside of the type that the setting declares: the
fastest that we have found.

The rate limit is off in both, since it would put the sender into quarantine after 1,000 messages in a second, and logging
is as Python has it by default: warnings. Nothing is stored.
"""

import asyncio
import importlib.metadata
import platform
import sys
import time

from mfp import Runtime, RuntimeConfig, bind


class Pair:
    """Two agents, and how many messages have come to the second."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.received = 0
        limits = {"max_message_rate": 0}
        if mode == "untimed":
            limits["agent_timeout_seconds"] = None
        runtime = Runtime(RuntimeConfig(**limits))
        self.alice = bind(runtime, self.handle)
        bob = bind(runtime, self.handle if mode == "sync" else self.handle_async)
        self.channel = runtime.establish_channel(self.alice.agent_id, bob.agent_id)

    def handle(self, message) -> None:
        self.received += 1

    async def handle_async(self, message) -> None:
        self.received += 1

    async def send(self, payload: bytes, count: int) -> float:
        """Seconds of so many messages."""
        alice, channel = self.alice, self.channel
        want = self.received + count
        start = time.perf_counter()
        if self.mode == "sync":
            for _ in range(count):
                alice.send(channel, payload)
        else:
            for _ in range(count):
                await alice.send_async(channel, payload)
        seconds = time.perf_counter() - start
        if self.received != want:
            raise RuntimeError(f"{self.received} messages came, not {want}")
        return seconds


def main() -> None:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("pymfp", "cryptography")]
    print(", ".join([*versions, f"Python {platform.python_version()}"]), flush=True)
    pairs = {mode: Pair(mode) for mode in ("sync", "async", "untimed")}
    loop = asyncio.new_event_loop()
    for line in sys.stdin:
        mode, length, count = line.split()
        seconds = loop.run_until_complete(pairs[mode].send(b"\x5a" * int(length), int(count)))
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
