"""Desks in E2B's cloud: one sandbox each, driven by a small program of ours inside it (the attendant). `docs/e2b.md` says more."""

from hotdesk.desks.e2b.provider import E2BDesks
from hotdesk.desks.e2b.service import Account

__all__ = ["Account", "E2BDesks"]
