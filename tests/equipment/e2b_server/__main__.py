"""Run the server as a process: `python -m tests.equipment.e2b_server [--port N]`. It prints one line of JSON with its url and environment,
and ends, with everything it has started, when its standard input is closed or it is asked to by SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from tests.equipment.e2b_server.server import KEY, e2b_server


async def main() -> None:
    options = argparse.ArgumentParser(prog="e2b_server", description="Test equipment: a local server that speaks E2B's protocol.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--most", type=int, default=20, help="so many sandboxes at once")
    options.add_argument("--key", default=KEY)
    options.add_argument("--latency", type=float, default=0.0, help="seconds before each request is looked at")
    given = options.parse_args()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    closing = asyncio.ensure_future(reader.read())
    closing.add_done_callback(lambda _: ended.set())
    async with e2b_server(given.port, most=given.most, key=given.key, latency=given.latency) as server:
        print(json.dumps({"url": server.url, "environment": server.environment}), flush=True)
        await ended.wait()


asyncio.run(main())
