"""Picks the provider of desks from the settings, importing only that one."""

from __future__ import annotations

from hotdesk.desks.base import DeskOptions, Desks, Size
from hotdesk.settings import DeskSettings

DESK_LABELS = {
    "local": "Sandboxed desktops on this machine",
    "e2b": "Desktops in E2B's cloud",
    "pretend": "Pretend desks in memory",
}


def choose_desks(settings: DeskSettings) -> Desks:
    """The provider that `settings.desks` names. What it lacks (a key, a package) it says to `check`, and when a desk is wanted."""
    if settings.desks == "pretend":
        from hotdesk.desks.pretend import PretendDesks  # noqa: PLC0415

        return PretendDesks(settings.run_dir)
    if settings.desks == "e2b":
        from hotdesk.desks.e2b import Account, E2BDesks  # noqa: PLC0415

        key = settings.e2b_key.get_secret_value() if settings.e2b_key else ""
        account = Account(key, settings.e2b_url, settings.e2b_sandbox_url, settings.e2b_domain)
        return E2BDesks(account, settings.e2b_template, settings.e2b_timeout, settings.e2b_metadata, settings.run_dir)
    from hotdesk.desks.local import LocalDesks  # noqa: PLC0415

    return LocalDesks(settings.run_dir)


def desk_choices(settings: DeskSettings) -> tuple[str, ...]:
    """The names of the desks that a session can have here, the settings' own first."""
    return tuple(dict.fromkeys((settings.desks, "local", *(["e2b"] if settings.e2b_key else []))))


def all_desks(settings: DeskSettings) -> dict[str, Desks]:
    """The provider of each of `desk_choices`, by name."""
    return {name: choose_desks(settings.model_copy(update={"desks": name})) for name in desk_choices(settings)}


def desk_options(settings: DeskSettings) -> DeskOptions:
    """What every desk of a session is opened with."""
    width, height = settings.size.split("x")
    return DeskOptions(
        size=Size(int(width), int(height)),
        internet=settings.internet,
        allow=settings.allow,
        memory_mib=settings.desk_memory,
        disk_mib=settings.desk_disk,
        processes=settings.desk_processes,
    )
