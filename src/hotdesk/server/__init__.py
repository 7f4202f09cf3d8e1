"""The server: the API, the live events, the screens and the page, behind one guard."""

from hotdesk.server.app import build, openapi
from hotdesk.server.parts import About, AgentsAbout, BrainAbout, Part

__all__ = ["About", "AgentsAbout", "BrainAbout", "Part", "build", "openapi"]
