"""However its worker ends, a desk ends with it; and any process of the same user can find and end it."""

# A test may block its loop for a moment.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from hotdesk.desks.base import DeskOptions
from hotdesk.desks.local import LocalDesks, network
from hotdesk.desks.local.place import Place
from hotdesk.desks.pretend import PretendDesks
from hotdesk.desks.processes import Process, processes_with_mount
from hotdesk.errors import DeskGone, DeskUnavailable
from tests.desks.local.conftest import NO_INTERNET, WAIT, as_root, eventually

OWNER = """
    import signal, sys
    from pathlib import Path
    import anyio
    from hotdesk.desks.base import DeskOptions
    from hotdesk.desks.local import LocalDesks

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs with it ignored

    async def main():
        async with LocalDesks(Path(sys.argv[1])).open("d1", DeskOptions(internet=sys.argv[2])) as desk:
            await desk.run("sleep 1000 & setsid sleep 1000 & exit")
            print("open", flush=True)
            await anyio.sleep_forever()

    anyio.run(main)
"""

MODES = [
    "none",
    pytest.param("full", marks=pytest.mark.skipif(bool(network.tun_problem()) or not shutil.which("pasta"), reason="no pasta")),
]


def start_owner(run_dir: Path, internet: str = "none") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(OWNER), str(run_dir), internet]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def owner(request: pytest.FixtureRequest, run_dir: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with a desk «d1» open."""
    process = start_owner(run_dir, getattr(request, "param", "none"))
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


async def nothing_left(place: Place) -> bool:
    async def gone() -> bool:
        return not list(processes_with_mount(place.mark)) and not any(process.alive for process in place.processes.values())

    return await eventually(gone)


def place_of(run_dir: Path) -> Place:
    place = Place.load(run_dir / "d1")
    assert place is not None
    return place


@pytest.mark.parametrize("owner", MODES, indirect=True)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_no_process_outlives_an_owner_that_is_killed(owner: subprocess.Popen[str], how: signal.Signals, run_dir: Path) -> None:
    place = place_of(run_dir)
    assert len(list(processes_with_mount(place.mark))) >= 6
    owner.send_signal(how)
    await anyio.to_thread.run_sync(owner.wait, WAIT)
    assert await nothing_left(place)
    desks = LocalDesks(run_dir)
    await desks.sweep()
    assert list(run_dir.iterdir()) == []


async def test_an_owner_killed_while_it_opens_leaves_nothing_that_sweep_does_not_find(run_dir: Path) -> None:
    desks = LocalDesks(run_dir)
    for delay in (0.0, 0.005, 0.02, 0.05):
        process = start_owner(run_dir)
        assert process.stdout is not None

        async def claimed() -> bool:
            return any(run_dir.iterdir())

        assert await eventually(claimed)
        await anyio.sleep(delay)
        place = Place.load(run_dir / "d1")
        process.kill()
        process.wait()
        process.stdout.close()
        await desks.sweep()
        assert list(run_dir.iterdir()) == []
        if place:
            assert await nothing_left(place)


async def test_a_desk_whose_owner_died_is_swept_and_others_are_left(owner: subprocess.Popen[str], run_dir: Path) -> None:
    desks = LocalDesks(run_dir)
    assert await desks.sweep() == []
    owner.kill()
    owner.wait()
    async with desks.open("d2", NO_INTERNET):
        assert await desks.list() == ["d1", "d2"]
        assert await desks.sweep() == ["d1"]
        assert await desks.list() == ["d2"]


async def test_the_folders_of_other_providers_are_left_alone(run_dir: Path) -> None:
    desks, pretend = LocalDesks(run_dir), PretendDesks(run_dir)
    async with pretend.open("p1", NO_INTERNET), desks.open("d1", NO_INTERNET):
        assert (await desks.list(), await desks.sweep(), await desks.destroy("p1")) == (["d1"], [], False)
        assert (await pretend.list(), await pretend.sweep(), await pretend.destroy("d1")) == (["p1"], [], False)
        with pytest.raises(DeskUnavailable):
            await desks.open("p1", NO_INTERNET).__aenter__()
        assert (await desks.list(), await pretend.list()) == (["d1"], ["p1"])


async def test_another_process_can_list_view_and_destroy(owner: subprocess.Popen[str], run_dir: Path) -> None:
    desks = LocalDesks(run_dir)
    place = place_of(run_dir)
    assert await desks.list() == ["d1"]
    async with desks.view("d1") as stream:
        assert await stream.receive(12) == b"RFB 003.008\n"
    assert await desks.destroy("d1") is True
    assert await nothing_left(place)
    assert await desks.list() == []
    with pytest.raises(DeskGone):
        async with desks.view("d1"):
            pass


async def test_a_recycled_pid_is_never_killed(run_dir: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        desks = LocalDesks(run_dir)
        async with desks.open("d1", NO_INTERNET):
            place = place_of(run_dir)
            place.processes["start"] = Process(innocent.pid, 1)
            place.save()
            await desks.destroy("d1")
            assert innocent.poll() is None
        innocent.kill()


async def test_closing_leaves_no_process_no_folder_and_no_descriptor(run_dir: Path) -> None:
    desks = LocalDesks(run_dir)
    async with desks.open("warm-up", NO_INTERNET):
        pass
    before = set(os.listdir("/proc/self/fd"))
    async with desks.open("d1", DeskOptions(internet="none")) as desk:
        place = place_of(run_dir)
        await desk.launch("terminal")
        await desk.run("sleep 1000 &")
    assert not list(processes_with_mount(place.mark))
    assert list(run_dir.iterdir()) == []
    assert set(os.listdir("/proc/self/fd")) == before


async def test_a_desk_that_cannot_come_up_leaves_nothing(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotdesk.desks.local import sandbox
    from hotdesk.errors import DeskUnavailable

    monkeypatch.setattr(sandbox, "_XVNC", "echo the screen is broken >&2; false")
    with pytest.raises(DeskUnavailable), anyio.fail_after(WAIT):
        async with LocalDesks(run_dir).open("d1", NO_INTERNET):
            pass
    assert list(run_dir.iterdir()) == []


@as_root
async def test_an_ordinary_user_opens_desks_of_the_same_kind(run_dir: Path) -> None:
    """With Debian's Python, as this one's may be in a home that others cannot read."""
    program = """
        import sys
        from pathlib import Path
        import anyio
        from hotdesk.desks.base import DeskOptions, Press, Write
        from hotdesk.desks.local import LocalDesks

        async def main():
            desks = LocalDesks(Path(sys.argv[1]) / "of-nobody")
            async with desks.open("d1", DeskOptions(internet="none")) as desk:
                print((await desk.run("id -un; ls -A /root; cat /proc/1/environ | tr '\\\\0' ' '")).stdout)
                await desk.write_file("a.txt", b"")
                await desk.open("a.txt")
                await desk.settle(10)
                await desk.act([Write(text="né 漢"), Press(key="ctrl+s")])
                await desk.settle()
                print((await desk.read_file("a.txt")).decode(), len((await desk.screenshot()).data) > 10000)
                async with desks.view("d1") as stream:
                    print(await stream.receive(12))
            print(await desks.list(), list(Path(sys.argv[1], "of-nobody").iterdir()))

        anyio.run(main)
    """
    python = "/usr/bin/python3"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    source = str(Path(__file__).parents[3] / "src")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin", "TOKEN=sk-secret"]
    as_nobody += [f"PYTHONPATH={source}:{packages}", "PYTHONDONTWRITEBYTECODE=1", python, "-c"]
    if (await anyio.run_process([*as_nobody, "import hotdesk.desks.local"], check=False)).returncode:
        pytest.skip("no Python here that an ordinary user can run Hotdesk with")
    run_dir.chmod(0o777)
    done = await anyio.run_process([*as_nobody, textwrap.dedent(program), str(run_dir)], check=False, stderr=subprocess.STDOUT)
    said = done.stdout.decode().splitlines()
    assert said[0] == "user"
    assert "sk-secret" not in said[1]
    assert said[2:] == ["né 漢 True", "b'RFB 003.008\\n'", "[] []"]
