"""The system calls a desk may not make, as a classic BPF program for bubblewrap's `--seccomp`.

A deny list on top of the namespaces: the kernel's attack surface that no desktop program uses (kernel modules, keyrings, BPF, io_uring,
performance events, handles of files, clocks, the terminal's input injection, sockets other than local, internet and netlink). Creating user
namespaces stays allowed, because Chromium's own sandbox is made of them. Only for x86-64 and arm64; elsewhere there is no filter.
"""

from __future__ import annotations

import platform
import struct
from typing import NamedTuple

_LOAD, _EQUAL, _GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_NUMBER, _ARCHITECTURE, _ARGUMENT_0, _ARGUMENT_1 = 0, 4, 16, 24
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""
_X32 = 0x40000000


class _Machine(NamedTuple):
    architecture: int
    ioctl: int
    socket: int
    denied: str


_DENIED_EVERYWHERE = """
io_uring_setup=425 io_uring_enter=426 io_uring_register=427 open_tree=428 move_mount=429 fsopen=430 fsconfig=431 fsmount=432 fspick=433
mount_setattr=442
"""
_IO_URING = (425, 426, 427)
"""Programs try these and go on without where the kernel has none."""

_MACHINES = {
    "x86_64": _Machine(
        architecture=0xC000003E,
        ioctl=16,
        socket=41,
        denied="""
        acct=163 add_key=248 adjtimex=159 bpf=321 clock_adjtime=305 clock_settime=227 delete_module=176 fanotify_init=300 finit_module=313
        init_module=175 ioperm=173 iopl=172 kcmp=312 kexec_file_load=320 kexec_load=246 keyctl=250 lookup_dcookie=212 mbind=237
        migrate_pages=256 move_pages=279 name_to_handle_at=303 nfsservctl=180 open_by_handle_at=304 perf_event_open=298
        process_vm_writev=311 quotactl=179 reboot=169 request_key=249 set_mempolicy=238 setns=308 settimeofday=164 swapoff=168 swapon=167
        sysctl=156 sysfs=139 syslog=103 uselib=134 userfaultfd=323 ustat=136 vhangup=153
        """,
    ),
    "aarch64": _Machine(
        architecture=0xC00000B7,
        ioctl=29,
        socket=198,
        denied="""
        acct=89 add_key=217 adjtimex=171 bpf=280 clock_adjtime=266 clock_settime=112 delete_module=106 fanotify_init=262 finit_module=273
        init_module=105 kcmp=272 kexec_file_load=294 kexec_load=104 keyctl=219 lookup_dcookie=18 mbind=235 migrate_pages=238 move_pages=239
        name_to_handle_at=264 nfsservctl=42 open_by_handle_at=265 perf_event_open=241 process_vm_writev=271 quotactl=60 reboot=142
        request_key=218 set_mempolicy=237 setns=268 settimeofday=170 swapoff=225 swapon=224 syslog=116 userfaultfd=282 vhangup=58
        """,
    ),
}


def _numbers(table: str) -> set[int]:
    return {int(entry.partition("=")[2]) for entry in table.split()}


def program() -> bytes | None:
    """The filter for this machine, or None where there is none."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return None
    code = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUAL, machine.architecture, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
    ]
    if platform.machine() == "x86_64":
        code += [_instruction(_GREATER_EQUAL, _X32, 0, 1), _refuse(_EPERM)]
    code += _when(machine.ioctl, [_instruction(_LOAD, _ARGUMENT_1), *_if_in((_TIOCSTI, _TIOCLINUX), _refuse(_EPERM))])
    code += _when(machine.socket, [_instruction(_LOAD, _ARGUMENT_0), *_if_not_in(_FAMILIES, _refuse(_EAFNOSUPPORT))])
    for number in sorted(_numbers(machine.denied) | _numbers(_DENIED_EVERYWHERE)):
        code += [_instruction(_EQUAL, number, 0, 1), _refuse(_ENOSYS if number in _IO_URING else _EPERM)]
    return b"".join([*code, _instruction(_RETURN, _ALLOW)])


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _refuse(errno: int) -> bytes:
    return _instruction(_RETURN, _REFUSE | errno)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """The body only for one system call; afterwards its number is loaded again."""
    return [_instruction(_EQUAL, number, 0, len(body) + 1), *body, _instruction(_LOAD, _NUMBER)]


def _if_in(values: tuple[int, ...], then: bytes) -> list[bytes]:
    tests = [_instruction(_EQUAL, value, len(values) - at - 1, 1 if at == len(values) - 1 else 0) for at, value in enumerate(values)]
    return [*tests, then]


def _if_not_in(values: tuple[int, ...], then: bytes) -> list[bytes]:
    return [*(_instruction(_EQUAL, value, len(values) - at, 0) for at, value in enumerate(values)), then]
