"""The helper inside a desk that nobody asks anything becomes a shell, and itself again when it is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hotdesk.desks.base import Desk, LeftClick
from hotdesk.desks.local.place import Place, RunDir
from hotdesk.desks.processes import processes_with_mount
from tests.desks.local.conftest import WAIT, eventually

OWNER = """
    import sys
    from pathlib import Path
    import anyio
    from hotdesk.desks.base import DeskOptions
    from hotdesk.desks.local import LocalDesks

    async def main():
        async with LocalDesks(Path(sys.argv[1])).open("d1", DeskOptions(internet="none")):
            print("open", flush=True)
            await anyio.sleep_forever()

    anyio.run(main)
"""


def program_of_helper(place: Place) -> str:
    return Path(f"/proc/{place.processes['helper'].pid}/comm").read_text().strip()


async def asleep(run_dir: Path) -> Place:
    place = RunDir(run_dir).find("d1")
    assert place is not None

    async def program() -> str:
        return program_of_helper(place)

    assert await eventually(program, lambda name: name == "sh") == "sh"
    return place


async def test_it_wakes_for_a_command_and_stays_awake(desk: Desk, run_dir: Path) -> None:
    place = await asleep(run_dir)
    helper = place.processes["helper"]
    for number in range(3):
        assert (await desk.run(f"echo {number}")).stdout == f"{number}\n"
        assert program_of_helper(place).startswith("python")
    assert helper.alive


async def test_what_is_started_after_a_sleep_holds_nothing_of_the_helper(desk: Desk, run_dir: Path) -> None:
    await asleep(run_dir)
    held = (await desk.run("ls -l /proc/self/fd | grep -c socket; true")).stdout
    assert held == "0\n"


@pytest.mark.skipif(not shutil.which("mousepad"), reason="mousepad is not installed")
async def test_it_wakes_when_a_program_that_a_person_started_wants_the_session_bus(desk: Desk, run_dir: Path) -> None:
    await desk.settle(WAIT)
    await asleep(run_dir)
    await desk.act([LeftClick(x=95, y=778)])  # the editor, in the panel
    await desk.settle(WAIT)
    names = (await desk.run("ps -eo comm")).stdout.split()
    assert {"mousepad", "dbus-daemon"} <= set(names)


async def test_a_desk_whose_helper_sleeps_ends_with_its_worker(run_dir: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(OWNER), str(run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        place = await asleep(run_dir)
        owner.kill()

        async def gone() -> bool:
            return not list(processes_with_mount(place.mark)) and not any(process.alive for process in place.processes.values())

        assert await eventually(gone)
