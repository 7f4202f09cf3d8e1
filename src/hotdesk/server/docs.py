"""The API's description for people: one plain page, made from the OpenAPI description, without scripts and without the network."""

from __future__ import annotations

import json
from html import escape
from typing import Any

__all__ = ["page"]

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{overflow:auto;padding:.6rem;border:1px solid #8884;border-radius:.4rem}"
    "summary{cursor:pointer;padding:.3rem 0}b{display:inline-block;min-width:4.5rem}section{border-top:1px solid #8884;padding:.4rem 0}"
)


def page(described: dict[str, Any]) -> str:
    """The page as HTML."""
    calls = "".join(
        _call(method, path, call)
        for path, methods in described["paths"].items()
        for method, call in methods.items()
        if isinstance(call, dict)
    )
    shapes = "".join(
        f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>{_shown(schema)}</details>"
        for name, schema in described["components"]["schemas"].items()
    )
    info = described["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(info['title'])}: the API</title><style>{STYLE}</style><main><h1>{escape(info['title'])}: the API</h1>"
        f"<p>{escape(info['description'])}</p><p><a href=/api/openapi.json>openapi.json</a></p>"
        f"<h2>Calls</h2>{calls}<h2>Shapes</h2>{shapes}</main></html>"
    )


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    details = {name: call[name] for name in ("parameters", "requestBody", "responses") if name in call}
    return (
        f"<section><details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"{escape(call.get('description', call.get('summary', '')))}</summary>{_shown(details)}</details></section>"
    )


def _shown(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
