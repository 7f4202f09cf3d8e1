"""The rehearsal planner: a plan without a model and without a network, by rules.

A list becomes a task per item; several sentences, or orders joined by «and» or «then», a task each («then» makes the later wait for the
earlier). A single goal becomes a stock plan: parts that can be worked on side by side, and a last task that needs them all.
"""

from __future__ import annotations

import re

from hotdesk.orchestrator.planner import Plan, PlannedTask, Planner

_ITEM = re.compile(r"^\s*(?:[-*•‣–]|\(?\d{1,3}[.)]|\[[ xX]?\])\s+(?P<text>\S.*)$")

_VERBS = frozenset(
    """
    add analyse analyze arrange assemble book browse build calculate call check clean collect combine compare
    compile compose compute convert copy count create describe design download draft draw edit email explain
    export extract fetch fill find fix format gather generate get install learn list look make measure move open
    organise organize outline paint plan plot post prepare print produce propose prove read record rename research
    review run save search send set show sketch solve sort start study sum summarise summarize take tell test
    translate type update upload use verify visit watch write
    """.split()  # noqa: SIM905 - a list of words is read as words
)


_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_JOINT = re.compile(r",?\s+(?P<word>and then|and also|then|and)\s+(?=(?P<verb>[a-z]+)\b)", re.IGNORECASE)

_SUBJECT = re.compile(r"\b(?:about|on|regarding|for|describing|explaining|of)\s+(?P<subject>.+?)\s*[.!?]*$", re.IGNORECASE)

_STOCK: tuple[tuple[frozenset[str], str, tuple[tuple[str, str], ...], tuple[str, str]], ...] = (
    (
        frozenset(["website", "site", "webpage", "page", "homepage", "landing"]),
        "a page in parts, then the whole of it",
        (
            ("Write the words of the page", "Write the headings and texts of a page about {subject}."),
            ("Make the page's layout", "Make a web page in HTML that lays out a page about {subject}, and look at it in the browser."),
            ("Collect facts and figures", "Collect facts and figures about {subject} in a table, as data."),
        ),
        ("Put the page together", "Assemble the texts, the layout and the figures into one page about {subject}."),
    ),
    (
        frozenset(["paper", "report", "essay", "article", "study", "research", "thesis", "analysis", "review", "survey", "whitepaper"]),
        "its parts side by side, then the whole of it",
        (
            ("Background of {subject}", "Write the background section: where {subject} comes from and why it matters."),
            ("Main findings on {subject}", "Write the main section: what is known of {subject}, with its arguments."),
            ("Facts and figures on {subject}", "Collect a timeline and figures about {subject} in a table, as data."),
        ),
        (
            "Assemble the paper on {subject}",
            "Assemble the sections and the table into one paper on {subject}, with introduction and conclusion.",
        ),
    ),
    (
        frozenset(),
        "its parts side by side, then the whole of it",
        (
            ("Gather notes", "Write down what is asked for and what is known. The goal: {goal}"),
            ("Work out the main part", "Write the main part. The goal: {goal}"),
            ("Collect facts and figures", "Collect the facts and figures that it needs in a table, as data. The goal: {goal}"),
        ),
        ("Put it together", "Assemble the parts into one result. The goal: {goal}"),
    ),
)

_FILLERS = re.compile(r"^(?:(?:and|also|then|next|finally|afterwards|please)[, ]+)+", re.IGNORECASE)


class RehearsalPlanner(Planner):
    name = "rehearsal"

    async def plan(self, prompt: str, agents: int) -> Plan:
        return plan(prompt)


def plan(prompt: str) -> Plan:
    """The plan for a prompt: the same for the same prompt."""
    items = _items(prompt)
    if len(items) >= 2:
        return Plan(f"The prompt is a list: a task for each of its {len(items)} items.", [_task(item) for item in items])
    orders = _orders(" ".join(prompt.split()) if items else prompt)
    if len(orders) >= 2:
        tasks = [_task(text, (number - 1,) if waits else ()) for number, (text, waits) in enumerate(orders)]
        return Plan(f"The prompt asks for {len(orders)} things: a task for each.", tasks)
    return _stock(" ".join(prompt.split()))


def _task(text: str, needs: tuple[int, ...] = ()) -> PlannedTask:
    text = _FILLERS.sub("", text.strip()) or text.strip()
    title = text.rstrip(".!?; ")
    return PlannedTask(title[:1].upper() + title[1:], text, needs)


def _items(prompt: str) -> list[str]:
    found = (_ITEM.match(line) for line in prompt.splitlines())
    return [match["text"] for match in found if match]


def _orders(prompt: str) -> list[tuple[str, bool]]:
    """The orders in running text, each with whether it waits for the one before."""
    found: list[tuple[str, bool]] = []
    for sentence in _SENTENCE.split(prompt):
        start = 0
        for joint in _JOINT.finditer(sentence):
            if joint["verb"].lower() in _VERBS and sentence[start : joint.start()].strip():
                found.append((sentence[start : joint.start()], _waits(sentence, start)))
                start = joint.end()
        if any(c.isalnum() for c in sentence[start:]):
            found.append((sentence[start:], _waits(sentence, start)))
    if found and found[0][1]:
        found[0] = (found[0][0], False)
    return [(text.strip(), waits) for text, waits in found]


def _waits(sentence: str, start: int) -> bool:
    before = sentence[:start].rstrip().lower()
    return before.endswith("then") or (start == 0 and sentence.lower().startswith(("then ", "finally ", "afterwards ")))


def _stock(goal: str) -> Plan:
    words = {word.lower() for word in re.findall(r"\w+", goal)}
    match = _SUBJECT.search(goal)
    subject = (match["subject"] if match else goal).rstrip(".!? ")
    kind = next(entry for entry in _STOCK if not entry[0] or entry[0] & words)
    _, says, parts, (title, text) = kind

    def filled(template: str, short: bool) -> str:
        return template.format(subject=_short(subject) if short else subject, goal=goal)

    tasks = [PlannedTask(filled(part, True), filled(todo, False)) for part, todo in parts]
    tasks.append(PlannedTask(filled(title, True), filled(text, False), tuple(range(len(parts)))))
    return Plan(f"One goal: {says}.", tasks)


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + "…"
