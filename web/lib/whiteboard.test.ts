import { describe, expect, it } from "vitest";
import type { AnyEvent } from "./events";
import sessions from "./fixtures/sessions.json";
import { EMPTY, fold, foldAll, type Whiteboard } from "./whiteboard";

const cases = sessions as unknown as { name: string; events: AnyEvent[]; whiteboard: Whiteboard }[];

describe("the fold gives the same whiteboard as Python's", () => {
  it.each(cases)("$name", ({ events, whiteboard }) => {
    expect(foldAll(events)).toStrictEqual(whiteboard);
  });
});

it("changes nothing in place", () => {
  for (const { events } of cases) {
    let board = EMPTY;
    for (const event of events) {
      const before = structuredClone(board);
      const next = fold(board, event);
      expect(board).toStrictEqual(before);
      board = next;
    }
  }
});

it("counts an event it does not know and changes nothing else", () => {
  const event = { type: "agent:sang", seq: 7, at: 1, session: "s" } as unknown as AnyEvent;
  expect(fold(EMPTY, event)).toStrictEqual({ ...EMPTY, last: 7 });
});
