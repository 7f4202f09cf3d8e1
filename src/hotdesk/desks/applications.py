"""Which application opens what, on every desk that has real ones. Standard library and errors only: it goes along into any sandbox."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from hotdesk.errors import DeskRefused

_SUFFIXES = {
    "browser": (".html", ".htm", ".xhtml", ".pdf", ".svg", ".mhtml", ".mp4", ".webm", ".mp3", ".ogg", ".wav"),
    "editor": (".txt", ".md", ".csv", ".json", ".xml", ".py", ".sh", ".log", ".ini", ".toml", ".yaml", ".yml", ".js", ".css", ".tsv"),
    "images": (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".ico", ".xpm"),
}


def is_web_address(target: str) -> bool:
    return urlsplit(target).scheme in ("http", "https", "file", "about", "data")


def application_for(path: str, is_folder: bool, head: bytes) -> str:
    """The application (one of the contract's `APPLICATIONS`) that opens this file or folder. Raises `DeskRefused` if there is none."""
    if is_folder:
        return "files"
    suffix = PurePosixPath(path).suffix.lower()
    for name, suffixes in _SUFFIXES.items():
        if suffix in suffixes:
            return name
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM")):
        return "images"
    if head.startswith((b"%PDF", b"<!doctype html", b"<!DOCTYPE html", b"<html")):
        return "browser"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "browser"
    if _is_text(head):
        return "editor"
    raise DeskRefused(f"No application on this desk opens {path}.")


def _is_text(head: bytes) -> bool:
    """Whether it reads as UTF-8; the last character may be cut off."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and len(head) > 3
    return True
