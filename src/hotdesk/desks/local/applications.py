"""The applications of a desk: what each of `APPLICATIONS` starts, which opens what, and the files below `/etc` that say so to the desk.

`etc_files` is everything of the desk's look and manners that is the same for every desk: the folder `etc/` beside this module, read once,
and the launchers of the panel and the defaults for types of files, made from the tables here.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple


class Application(NamedTuple):
    command: str
    label: str
    icon: str
    """The PNG of the panel's launcher. Given as a path, the panel need not search the icon themes."""
    types: tuple[str, ...]
    """The types of files it opens."""


_ADWAITA = "/usr/share/icons/Adwaita/48x48/legacy"

APPLICATIONS = {
    "files": Application("pcmanfm", "Files", "/usr/share/icons/Adwaita/32x32/places/folder.png", ("inode/directory",)),
    "browser": Application(
        "chromium",
        "Browser",
        "/usr/share/icons/hicolor/48x48/apps/chromium.png",
        ("text/html", "application/xhtml+xml", "application/pdf", "image/svg+xml", "x-scheme-handler/http", "x-scheme-handler/https"),
    ),
    "editor": Application(
        "mousepad",
        "Editor",
        f"{_ADWAITA}/accessories-text-editor.png",
        ("text/plain", "text/markdown", "text/csv", "application/json", "application/xml", "text/x-python", "application/x-shellscript"),
    ),
    "terminal": Application("xterm", "Terminal", f"{_ADWAITA}/utilities-terminal.png", ()),
    "images": Application(
        "gpicview",
        "Images",
        "/usr/share/icons/hicolor/48x48/apps/gpicview.png",
        ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/x-icon"),
    ),
}

BINARIES = sorted(application.command for application in APPLICATIONS.values())

_LAUNCHER = """[Desktop Entry]
Type=Application
Name={label}
Exec={command} %U
Icon={icon}
Terminal=false
MimeType={types}
"""

ENVIRONMENT = {
    "XDG_DATA_DIRS": "/etc/hotdesk/share:/usr/share",
    "XDG_CONFIG_DIRS": "/etc/xdg",
    "XDG_CURRENT_DESKTOP": "Openbox",
    "XENVIRONMENT": "/etc/hotdesk/xresources",
    "GSETTINGS_BACKEND": "keyfile",
    "GTK2_RC_FILES": "/etc/gtk-2.0/gtkrc",
    "GTK_A11Y": "none",
    "NO_AT_BRIDGE": "1",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "BROWSER": "chromium",
    "EDITOR": "mousepad",
}
"""What the applications are told by the environment."""


@functools.cache
def etc_files() -> dict[str, bytes]:
    """Path below `/etc` → content."""
    folder = Path(__file__).with_name("etc")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    defaults = ["[Default Applications]"]
    for name, application in APPLICATIONS.items():
        launcher = f"hotdesk-{name}.desktop"
        text = _LAUNCHER.format(**application._asdict() | {"types": "".join(f"{kind};" for kind in application.types)})
        files[f"hotdesk/share/applications/{launcher}"] = text.encode()
        defaults += [f"{kind}={launcher}" for kind in application.types]
    files["xdg/mimeapps.list"] = "\n".join([*defaults, ""]).encode()
    return files
