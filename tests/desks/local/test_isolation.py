"""What a desk cannot see, reach or use up, each tried from inside one."""

# A test may block its loop for a moment.

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hotdesk.desks.base import HOME, Desk, DeskOptions
from hotdesk.desks.local import LocalDesks, limits
from hotdesk.errors import DeskGone, DeskRefused, DeskUnavailable
from tests.desks.local.conftest import NO_INTERNET, eventually

SECRET = "sk-secret-of-the-worker"


@pytest.fixture
async def desk(desks: LocalDesks, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    os.environ["SOME_TOKEN"] = SECRET
    try:
        async with desks.open("d1", NO_INTERNET) as opened:
            yield opened
    finally:
        del os.environ["SOME_TOKEN"]


async def shell(desk: Desk, command: str) -> str:
    return (await desk.run(command)).stdout


async def test_no_process_inside_shows_the_workers_environment(desk: Desk) -> None:
    everything = await shell(desk, "env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'")
    assert "HOME=/home/user" in everything
    assert SECRET not in everything
    assert "PYTEST" not in everything


async def test_no_process_inside_shows_a_path_of_the_host(desk: Desk, run_dir: Path) -> None:
    assert str(run_dir) not in await shell(desk, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


async def test_the_hosts_files_are_not_there(desk: Desk, run_dir: Path) -> None:
    for path in (
        Path.home(),
        Path(__file__).parents[3],
        run_dir,
        "/root",
        "/etc/shadow",
        "/var/log",
        "/opt",
        "/srv",
        "/mnt",
        "/boot",
        "/sys",
    ):
        assert await shell(desk, f"ls -A {path} 2>/dev/null") == "", path
    assert await shell(desk, "ls -A /home /usr/local") == "/home:\nuser\n\n/usr/local:\n"
    assert await shell(desk, "find / -xdev -maxdepth 3 -name '*hotdesk*' -not -path '/etc/hotdesk*' -not -path '/proc/*'") == ""


async def test_nothing_of_the_host_can_be_written(desk: Desk) -> None:
    writable = await shell(desk, "find / -writable -type d -not -path '/proc/*' 2>/dev/null | cut -d/ -f1-3 | sort -u")
    assert set(writable.split()) <= {"/dev/pts", "/dev/shm", "/tmp", "/tmp/.X11-unix", "/run/desk", "/run/user", HOME, "/home/user"}


async def test_only_the_desks_own_processes_are_seen(desk: Desk) -> None:
    names = set((await shell(desk, "cat /proc/[0-9]*/comm")).split())
    assert names <= {"bwrap", "sh", "Xvnc", "python3", "openbox", "tint2", "bash", "cat", "dbus-daemon"}


async def test_the_desks_user_is_nobody_of_the_host_and_has_no_capability(desk: Desk) -> None:
    assert await shell(desk, "id -un; id -u") == "user\n1000\n"
    status = await shell(desk, "cat /proc/self/status")
    assert "CapEff:\t0000000000000000" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert (await desk.run("mount -t tmpfs none /tmp")).exit_code != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has one user for all desks")
async def test_as_root_each_desk_has_a_user_of_its_own(desks: LocalDesks, desk: Desk, run_dir: Path) -> None:
    async with desks.open("another-desk", NO_INTERNET) as other:
        users = {path.stat().st_uid for each in (desk, other) for path in run_dir.glob(f"{each.id}/h*")}
        assert len(users) == 2
        assert 0 not in users


async def test_the_hosts_loopback_and_abstract_sockets_are_out_of_reach(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inet, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0hotdesk-test")
        abstract.listen()
        port = inet.getsockname()[1]
        program = f"""
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", {port})), (socket.AF_UNIX, "\\0hotdesk-test")):
    with socket.socket(family) as s:
        try:
            s.connect(address)
            print("reached", address)
        except OSError as error:
            print("refused")
print([name for name in open("/proc/net/unix").read().split() if "hotdesk-test" in name])
"""
        await desk.write_file("try.py", program.encode())
        assert await shell(desk, "/usr/bin/python3 try.py") == "refused\nrefused\n[]\n"


async def test_there_is_no_network_without_internet(desk: Desk) -> None:
    assert await shell(desk, "cat /proc/net/route | tail -n +2; ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev") == "1\n"


async def test_the_screen_listens_on_no_network_and_no_abstract_socket(desk: Desk) -> None:
    assert await shell(desk, "tail -n +2 /proc/net/tcp; tail -n +2 /proc/net/tcp6; grep @ /proc/net/unix") == ""


async def test_other_desks_are_not_seen(desks: LocalDesks, desk: Desk) -> None:
    async with desks.open("another-desk", NO_INTERNET) as other:
        await other.write_file("private.txt", b"x")
        await other.run("touch /tmp/private /dev/shm/private; sleep 50 &")
        assert await shell(desk, "find / -name 'private*' -not -path '/proc/*' -not -path '/usr/*' -not -path '/etc/*' 2>/dev/null") == ""
        assert "sleep" not in await shell(desk, "cat /proc/[0-9]*/comm")
        assert "another-desk" not in await shell(desk, "cat /proc/self/mountinfo")


async def test_kernel_interfaces_no_desktop_needs_are_closed(desk: Desk) -> None:
    program = b"""
import ctypes, socket, os, fcntl
libc = ctypes.CDLL(None, use_errno=True)
for number in (248, 250, 321, 298, 323, 425, 308, 304):
    assert libc.syscall(number, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() in (1, 38), number
try:
    socket.socket(socket.AF_VSOCK)
except OSError as error:
    print(error.errno)
"""
    await desk.write_file("try.py", program)
    ran = await desk.run("uname -m; /usr/bin/python3 try.py")
    if ran.stdout.startswith("x86_64"):
        assert (ran.stdout, ran.stderr) == ("x86_64\n97\n", "")


async def test_a_link_in_place_of_the_screens_socket_leads_nowhere(desks: LocalDesks, desk: Desk) -> None:
    folder = tempfile.mkdtemp(dir="/tmp")
    try:
        with socket.socket(socket.AF_UNIX) as of_host:
            of_host.bind(f"{folder}/host.sock")
            Path(folder).chmod(0o777)
            Path(folder, "host.sock").chmod(0o777)
            of_host.listen()
            await desk.run(f"rm /run/desk/rfb.sock; ln -s {folder}/host.sock /run/desk/rfb.sock")
            with pytest.raises(DeskGone):
                async with desks.view("d1"):
                    pass
            of_host.setblocking(False)
            with pytest.raises(BlockingIOError):
                of_host.accept()
    finally:
        shutil.rmtree(folder)


async def test_the_disk_limit_holds_for_the_home_and_for_scratch(desks: LocalDesks) -> None:
    async with desks.open("d1", DeskOptions(internet="none", disk_mib=64)) as desk:
        assert "No space left" in (await desk.run("head -c 70M /dev/zero > big")).stderr
        assert int(await shell(desk, "stat -c %s big")) <= 64 << 20
        with pytest.raises(DeskRefused, match="space"):
            await desk.write_file("more.bin", bytes(1 << 20))
        for place in ("/tmp", "/dev/shm"):
            assert "No space left" in (await desk.run(f"head -c 300M /dev/zero > {place}/big; rm {place}/big")).stderr
        await desk.run("rm big")
        await desk.write_file("more.bin", bytes(1 << 20))


async def test_the_process_limit_holds(desks: LocalDesks) -> None:
    async with desks.open("d1", DeskOptions(internet="none", processes=40)) as desk:
        await desk.write_file("many.py", b"import os\nfor _ in range(100):\n  if not os.fork(): os.execlp('sleep', 'sleep', '20')\n")
        assert "Resource temporarily unavailable" in (await desk.run("/usr/bin/python3 many.py")).stderr
        await desk.screenshot()


async def test_the_memory_limit_ends_the_largest_program_and_not_the_desk(desks: LocalDesks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVERY", 0.1)
    async with desks.open("d1", DeskOptions(internet="none", memory_mib=200)) as desk:
        ran = await desk.run("exec /usr/bin/python3 -c 'import time; b = bytearray(300 << 20); time.sleep(60)'", timeout=15)
        assert ran.exit_code == -9
        assert await shell(desk, "echo still here") == "still here\n"
        await desk.screenshot()


async def test_a_desk_that_kills_everything_in_it_is_lost_and_leaves_nothing(desks: LocalDesks, run_dir: Path) -> None:
    async with desks.open("d1", NO_INTERNET) as desk:
        with pytest.raises(DeskGone):
            await desk.run("kill -9 -1; kill -9 $$")

        async def lost() -> bool:
            try:
                await desk.screenshot()
            except DeskGone:
                return True
            return False

        assert await eventually(lost)
    assert list(run_dir.iterdir()) == []


async def test_a_folder_for_desks_that_others_own_is_refused(run_dir: Path) -> None:
    (run_dir / "real").mkdir()
    (run_dir / "link").symlink_to(run_dir / "real")
    (run_dir / "open").mkdir()
    (run_dir / "open").chmod(0o777)
    for name in ("link", "open"):
        with pytest.raises(DeskUnavailable):
            async with LocalDesks(run_dir / name).open("d1", NO_INTERNET):
                pass


async def test_the_workers_descriptors_are_not_inherited(desks: LocalDesks) -> None:
    held = os.memfd_create("hotdesk-secret", 0)
    try:
        os.set_inheritable(held, True)  # as a careless library might leave one
        async with desks.open("d1", NO_INTERNET) as desk:
            assert "hotdesk-secret" not in await shell(desk, "ls -l /proc/[0-9]*/fd")
    finally:
        os.close(held)
