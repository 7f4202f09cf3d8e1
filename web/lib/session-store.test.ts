import { beforeEach, describe, expect, it, vi } from "vitest";
import type { AnyEvent } from "./events";
import sessions from "./fixtures/sessions.json";
import { follow, Sequence, type Wire } from "./session-link";
import { createSessionStore } from "./session-store";
import { foldAll, type Whiteboard } from "./whiteboard";

const events = (sessions as unknown as { name: string; events: AnyEvent[]; whiteboard: Whiteboard }[]).find(({ name }) =>
  name.startsWith("two agents"),
)?.events as AnyEvent[];
const session = events[0]?.session as string;

type Join = { after: number; answer: (value: unknown) => void; fail: () => void };

/** A Socket.IO client in memory: the test is the server. */
class FakeWire {
  connected = false;
  active = true;
  joins: Join[] = [];
  private readonly listeners = new Map<string, ((...args: never[]) => void)[]>();
  disconnect = vi.fn();

  on(name: string, listener: (...args: never[]) => void) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }
  off() {}
  connect() {
    this.connected = true;
    this.say("connect");
  }
  drop() {
    this.connected = false;
    this.say("disconnect", "transport close");
  }
  say(name: string, ...args: unknown[]) {
    for (const listener of this.listeners.get(name) ?? []) listener(...(args as never[]));
  }
  live(event: AnyEvent) {
    this.say(event.type, event);
  }
  timeout() {
    return {
      emitWithAck: (_name: string, asked: { after: number }) =>
        new Promise((answer, reject) => this.joins.push({ after: asked.after, answer, fail: () => reject(new Error("timeout")) })),
    };
  }
}

const settle = () => vi.advanceTimersByTimeAsync(20);

let wire: FakeWire;
let store: ReturnType<typeof createSessionStore>;

beforeEach(() => {
  vi.useFakeTimers();
  wire = new FakeWire();
  store = createSessionStore(session);
  follow(session, store, wire as unknown as Wire);
  return () => void vi.useRealTimers();
});

async function joined(count: number) {
  wire.connect();
  wire.joins.at(-1)?.answer({ events: events.slice(0, count), last: count });
  await settle();
}

describe("following a session", () => {
  it("joins from the beginning and shows what it was given", async () => {
    wire.connect();
    expect(wire.joins[0]?.after).toBe(0);
    expect(store.getState().phase).toBe("loading");
    wire.joins[0]?.answer({ events, last: events.length });
    await settle();
    expect(store.getState()).toMatchObject({ phase: "open", connection: "live" });
    expect(store.getState().board).toStrictEqual(foldAll(events));
  });

  it("keeps what arrives while it joins, and drops what it then has twice", async () => {
    wire.connect();
    for (const event of events.slice(4, 9)) wire.live(event);
    await settle();
    expect(store.getState().board.last).toBe(0);
    wire.joins[0]?.answer({ events: events.slice(0, 7), last: 7 });
    await settle();
    expect(store.getState().board).toStrictEqual(foldAll(events.slice(0, 9)));
    expect(wire.joins).toHaveLength(1);
  });

  it("drops repeated events", async () => {
    await joined(10);
    for (const event of events.slice(5, 12)) wire.live(event);
    for (const event of events.slice(5, 12)) wire.live(event);
    await settle();
    expect(store.getState().board).toStrictEqual(foldAll(events.slice(0, 12)));
    const rows = store.getState().logs.a1?.rows ?? [];
    expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
  });

  it("joins again from the last event it has when one is missing", async () => {
    await joined(10);
    wire.live(events[12] as AnyEvent);
    await settle();
    expect(store.getState().board.last).toBe(10);
    expect(wire.joins).toHaveLength(2);
    expect(wire.joins[1]?.after).toBe(10);
    wire.joins[1]?.answer({ events: events.slice(10, 12), last: 12 });
    await settle();
    expect(store.getState().board).toStrictEqual(foldAll(events.slice(0, 13)));
  });

  it("joins again from the last event it has after a reconnect, and ignores the answer to the old connection", async () => {
    await joined(10);
    wire.live(events[13] as AnyEvent);
    wire.drop();
    expect(store.getState().connection).toBe("reconnecting");
    wire.connect();
    expect(wire.joins[2]?.after).toBe(10);
    wire.joins[1]?.answer({ error: { status: 404, detail: "stale" } });
    wire.joins[2]?.answer({ events: events.slice(10), last: events.length });
    await settle();
    expect(store.getState()).toMatchObject({ phase: "open", connection: "live" });
    expect(store.getState().board).toStrictEqual(foldAll(events));
  });

  it("asks on when the answer stops short of the end", async () => {
    wire.connect();
    wire.joins[0]?.answer({ events: events.slice(0, 8), last: events.length });
    await settle();
    expect(wire.joins[1]?.after).toBe(8);
    expect(store.getState().phase).toBe("loading");
    wire.joins[1]?.answer({ events: events.slice(8), last: events.length });
    await settle();
    expect(store.getState().phase).toBe("open");
  });

  it("asks again when nobody answers", async () => {
    wire.connect();
    wire.joins[0]?.fail();
    await vi.advanceTimersByTimeAsync(600);
    expect(wire.joins).toHaveLength(2);
  });

  it("shows the server's sentence when there is no such session", async () => {
    wire.connect();
    wire.joins[0]?.answer({ error: { status: 404, detail: "There is no session s." } });
    await settle();
    expect(store.getState()).toMatchObject({ phase: "failed", problem: { detail: "There is no session s." } });
  });

  it("ignores events of other sessions", async () => {
    await joined(3);
    wire.live({ ...(events[3] as AnyEvent), session: "another" });
    await settle();
    expect(store.getState().board.last).toBe(3);
  });
});

describe("a session that is shown before it is live", () => {
  const at = (seq: number) => ({ board: foldAll(events.slice(0, seq)), events: events.slice(seq), last: events.length });
  const fetched = vi.fn();
  let begun: FakeWire;
  let shown: ReturnType<typeof createSessionStore>;

  function open(opening: Promise<ReturnType<typeof at> | null>) {
    begun = new FakeWire();
    shown = createSessionStore(session);
    return follow(session, shown, begun as unknown as Wire, opening);
  }

  beforeEach(() => {
    fetched.mockReset();
    fetched.mockImplementation(async (path: string) => {
      const until = Number(new URLSearchParams(path.split("?")[1]).get("until"));
      return { ok: true, json: async () => ({ events: events.slice(0, until), last: until }) };
    });
    vi.stubGlobal("fetch", fetched);
    return () => vi.unstubAllGlobals();
  });

  it("is there before the wire is, and joins from its last event", async () => {
    open(Promise.resolve(at(8)));
    await vi.advanceTimersByTimeAsync(0);
    expect(shown.getState()).toMatchObject({ phase: "open", connection: "connecting", earlier: 8 });
    expect(shown.getState().board).toStrictEqual(foldAll(events));
    expect(begun.connected).toBe(true);
    expect(begun.joins.map(({ after }) => after)).toEqual([events.length]);
  });

  it("has the same logs in the end wherever it began, whatever came meanwhile", async () => {
    await joined(events.length);
    for (let seq = 0; seq <= events.length - 3; seq++) {
      const close = open(Promise.resolve({ ...at(seq), events: events.slice(seq, -3) }));
      await vi.advanceTimersByTimeAsync(0);
      begun.joins[0]?.answer({ events: events.slice(-3, -1), last: events.length - 1 });
      await settle();
      begun.live(events.at(-1) as AnyEvent);
      await vi.advanceTimersByTimeAsync(300);
      expect(shown.getState()).toMatchObject({ connection: "live", earlier: 0 });
      expect(shown.getState().board).toStrictEqual(foldAll(events));
      expect(shown.getState().logs).toStrictEqual(store.getState().logs);
      close();
    }
    expect(fetched.mock.calls[0]?.[0]).toBe(`/api/sessions/${session}/events?until=1`); // the one that began with nothing lacks nothing
  });

  it("asks again for what was earlier when it could not be had", async () => {
    fetched.mockRejectedValueOnce(new TypeError("no network"));
    open(Promise.resolve(at(8)));
    await vi.advanceTimersByTimeAsync(0);
    begun.joins[0]?.answer({ events: [], last: events.length });
    await vi.advanceTimersByTimeAsync(400);
    expect(shown.getState().earlier).toBe(8);
    await vi.advanceTimersByTimeAsync(3000);
    expect(shown.getState().earlier).toBe(0);
  });

  it("reads the log from its beginning where there is no opening, or it takes too long", async () => {
    open(Promise.resolve(null));
    await vi.advanceTimersByTimeAsync(0);
    expect(begun.joins.map(({ after }) => after)).toEqual([0]);
    let late: (opening: ReturnType<typeof at>) => void = () => {};
    open(new Promise((answer) => (late = answer)));
    await vi.advanceTimersByTimeAsync(5100);
    expect(begun.joins.map(({ after }) => after)).toEqual([0]);
    late(at(8));
    await settle();
    expect(shown.getState()).toMatchObject({ phase: "loading", earlier: 0 });
  });
});

describe("the thinking log", () => {
  it("has a row for every step, with its reasoning in one piece, and none for what the whiteboard ignores", async () => {
    await joined(events.length);
    const log = store.getState().logs.a1;
    expect(log?.reasoning.get(1)).toBe("I look at it.");
    const steps = log?.rows.filter((row) => row.kind === "step") ?? [];
    expect(steps.map((row) => row.step)).toEqual([1, 3, 2]);
    expect(steps.every((row) => row.line !== null)).toBe(true);
  });

  it("folds ten thousand events in one update of the screen", async () => {
    const many: AnyEvent[] = [...events.slice(0, 10)];
    const thinking = events.find(({ type }) => type === "agent:thinking") as AnyEvent & { type: "agent:thinking" };
    for (let step = 1; step <= 10_000; step++) many.push({ ...thinking, seq: many.length + 1, step });
    const updates = vi.fn();
    store.subscribe(updates);
    wire.connect();
    updates.mockClear();
    wire.joins[0]?.answer({ events: many, last: many.length });
    const started = performance.now();
    await settle();
    expect(performance.now() - started).toBeLessThan(1500);
    expect(updates.mock.calls.length).toBeLessThanOrEqual(2);
    expect(store.getState().logs.a1?.rows.length).toBeGreaterThanOrEqual(10_000);
  });
});

it("a sequence gives out events in order whatever order they come in", () => {
  const sequence = new Sequence();
  const out = [3, 1, 2, 2, 5, 4, 1].flatMap((n) => sequence.push([{ ...(events[0] as AnyEvent), seq: n }]).map(({ seq }) => seq));
  expect(out).toEqual([1, 2, 3, 4, 5]);
  expect(sequence.gap).toBe(false);
});
