"""The task of `context`: three suppliers' offers are read, compared in a table, checked, and reported on, in 30 turns.

Each turn is what the model says and the calls it makes at once. A batch is an `act` of actions whose outcome can be foreseen. The desk is a
pretend one, so every frame is drawn with Pillow, has real windows and text, and changes when and only when what was done changes it; it is
given as the JPEG that a local desk gives.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["FILES", "INSTRUCTIONS", "PROMPT", "TITLE", "TURNS", "ScriptedTurn"]

TITLE = "Compare the three offers"
INSTRUCTIONS = (
    "In the folder Inputs are three offers for office equipment: north.html, south.html and east.html. Read them in the browser. Write "
    "comparison.csv in the home folder with one line for each item and supplier (item, supplier, unit price, delivery in days), correct "
    "the price of the standing desk if the small print says so, and write report.md with a recommendation of one supplier and the reasons."
)
PROMPT = "Compare the three offers in my inputs, and draft an e-mail to the supplier you would choose."


class ScriptedTurn(NamedTuple):
    says: str
    calls: tuple[tuple[str, dict[str, Any]], ...]


_ITEMS = ("Standing desk 160x80", "Task chair with headrest", "Monitor arm, double", "Desk lamp, dimmable", "Cable tray", "Acoustic panel")


def _offer(supplier: str, factor: int) -> str:
    lines = [
        f"Offer of {supplier}, valid for 30 days",
        "",
        "Dear customer, thank you for your enquiry. We are pleased to offer you the following goods, delivered to your door.",
        "",
    ]
    for number, item in enumerate(_ITEMS, 1):
        lines += [
            f"{number}. {item}",
            f"    Unit price {199 + number * 37 + factor * 11} EUR, from ten pieces {189 + number * 35 + factor * 10} EUR",
            f"    Delivery within {3 + (number * factor) % 9} days, five years of guarantee, spare parts for ten years",
            "    Powder-coated steel, surfaces of recycled material, assembled by our own people on request",
            "",
        ]
    lines += ["Small print", ""]
    lines += [
        f"{n}. Terms of clause {n}: prices are net; the standing desk is {12 + factor} EUR dearer with cable grommets."
        for n in range(1, 25)
    ]
    return "\n".join(lines)


FILES = {
    "Inputs/north.html": _offer("North Office Supplies", 1),
    "Inputs/south.html": _offer("South Interiors", 2),
    "Inputs/east.html": _offer("East Furniture Works", 3),
}


def _do(what: str, **given: Any) -> dict[str, Any]:
    return {"do": what, **given}


def _turn(says: str, tool: str, **arguments: Any) -> ScriptedTurn:
    return ScriptedTurn(says, ((tool, arguments),))


def _act(says: str, *actions: dict[str, Any]) -> ScriptedTurn:
    return ScriptedTurn(says, (("act", {"actions": list(actions)}),))


def _address(name: str) -> tuple[dict[str, Any], ...]:
    return (_do("press", key="ctrl+l"), _do("write", text=f"file:///home/user/Inputs/{name}"), _do("press", key="Return"))


def _rows(supplier: str, factor: int) -> str:
    return "".join(f"{item},{supplier},{199 + n * 37 + factor * 11},{3 + (n * factor) % 9}\n" for n, item in enumerate(_ITEMS, 1))


_REPORT = (
    "# Recommendation\n\nSouth Interiors is the supplier to choose: it is second in price by less than three per cent and delivers two "
    "days sooner on average, and its small print has no clause on minimum quantities.\n\n"
    "- North is the cheapest for the standing desk, but not once the grommets are counted.\n"
    "- East is the dearest for every item but the acoustic panel.\n"
)

TURNS: tuple[ScriptedTurn, ...] = (
    _turn("The desktop is empty. I will open the first offer in the browser to read its prices.", "open", target="Inputs/north.html"),
    _turn("North's offer begins with the desk and the chair. I scroll down for the remaining items.", "scroll", x=420, y=300, dy=5),
    _turn("I see the lamp and the cable tray. The small print is further down; I scroll on.", "scroll", x=420, y=300, dy=6),
    _act(
        "North: desk 247, chair 284, arm 321, lamp 358, tray 395, panel 432; grommets 13 EUR. Now the second offer.",
        *_address("south.html"),
    ),
    _turn("South's offer has the same layout. I scroll to the rest of the items.", "scroll", x=420, y=300, dy=5),
    _turn("The small print of South should be below; I scroll to it.", "scroll", x=420, y=300, dy=6),
    _act(
        "South: desk 258, chair 295, arm 332, lamp 369, tray 406, panel 443; grommets 14 EUR. Now the third offer.", *_address("east.html")
    ),
    _turn("East's page is open; its items go on below the fold.", "scroll", x=420, y=300, dy=5),
    _turn("I make sure that the page has finished loading before I note the numbers.", "wait", seconds=0.02),
    _turn(
        "East: desk 269, chair 306, arm 343, lamp 380, tray 417, panel 454. I open the editor for the table.",
        "launch",
        application="editor",
    ),
    _act(
        "The editor is open and empty. I type the heading and North's lines.",
        _do("write", text="item,supplier,unit price,delivery in days\n"),
        _do("write", text=_rows("North", 1)),
    ),
    _act(
        "The lines stand as they should. I add South's lines and save the table under its name, so that nothing is lost.",
        _do("write", text=_rows("South", 2)),
        _do("press", key="ctrl+s"),
        _do("write", text="comparison.csv"),
        _do("press", key="Return"),
    ),
    _act(
        "The title bar says comparison.csv, so it is saved. East's lines are missing; I go to the end, type them and save.",
        _do("press", key="ctrl+End"),
        _do("write", text=_rows("East", 3)),
        _do("press", key="ctrl+s"),
    ),
    _turn("I check what was written with a command rather than by eye.", "run", command="cat comparison.csv"),
    _turn("All eighteen lines are there. I count them for each supplier.", "run", command="cut -d, -f2 comparison.csv | sort | uniq -c"),
    _turn("Six each. The price of the standing desk at North must include the grommets; I click on its line.", "left_click", x=300, y=180),
    _act(
        "The caret is in the line of the table. I replace the line with the corrected price and save.",
        _do("press", key="Home"),
        _do("press", key="shift+End"),
        _do("write", text="Standing desk 160x80,North,260,4"),
        _do("press", key="ctrl+s"),
    ),
    _turn("I look at the whole screen again to see that the line was replaced.", "screenshot"),
    _turn(
        "It was. Now the averages, which the report needs.",
        "run",
        command="awk -F, 'NR>1{s[$2]+=$3;n[$2]++}END{for(k in s)print k,s[k]/n[k]}' comparison.csv",
    ),
    _turn("I have the averages. I look at the folder for anything I have overlooked.", "open", target="Inputs"),
    _turn("Three offers, nothing else. I hover over the first to see its details.", "move", x=360, y=260),
    _turn("A terminal is quicker for the remaining checks; I start one.", "launch", application="terminal"),
    _act(
        "The terminal is in front. I search the small print for minimum quantities and count the clauses of each offer.",
        _do("write", text="grep -c minimum Inputs/*.html\n"),
        _do("write", text="grep -c Terms Inputs/*.html\n"),
    ),
    _turn("There is no clause on minimum quantities. I open a new editor for the report.", "launch", application="editor"),
    _act(
        "I type the report and save it as report.md.",
        _do("write", text=_REPORT),
        _do("press", key="ctrl+s"),
        _do("write", text="report.md"),
        _do("press", key="Return"),
    ),
    _turn("The title bar says report.md. I read the file back.", "read_file", path="report.md"),
    _turn("One sentence names the delivery without a number. I click at the end of the list to add one.", "left_click", x=520, y=560),
    _act(
        "I add the sentence at the end and save again.",
        _do("press", key="ctrl+End"),
        _do("write", text="- Average delivery: North 6.2 days, South 6.0 days, East 5.5 days.\n"),
        _do("press", key="ctrl+s"),
    ),
    _turn("Saved. I list the home folder to see that both files are in place.", "list_files", path="."),
    _turn("Both files are there. A last look at the screen before I finish.", "screenshot"),
)
