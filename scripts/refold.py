"""Folds the sessions of the page's fixture anew and writes the fixture: after a change of the fold, for `web/lib/whiteboard.test.ts`.

The events stay as they are (with the fields that are new filled in); add sessions to the file by hand, with an empty whiteboard.
"""

from __future__ import annotations

import json
from pathlib import Path

from hotdesk.events import event_from_object
from hotdesk.whiteboard import fold_all

FIXTURE = Path(__file__).parents[1] / "web" / "lib" / "fixtures" / "sessions.json"

if __name__ == "__main__":
    cases = json.loads(FIXTURE.read_text())
    for case in cases:
        events = [event_from_object(event) for event in case["events"]]
        case["events"] = [event.model_dump(mode="json") for event in events]
        case["whiteboard"] = fold_all(events).model_dump(mode="json")
    FIXTURE.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
