import { beforeEach, expect, it, vi } from "vitest";
import { Screen, type ScreenState } from "./screen";

/** noVNC in memory: it has a canvas, is connected when the test says so, and ends when its socket does. */
const made: FakeRFB[] = [];
class FakeRFB extends EventTarget {
  viewOnly = false;
  qualityLevel = 6;
  disconnect = vi.fn(() => this.dispatchEvent(new CustomEvent("disconnect", { detail: { clean: true } })));
  focus = vi.fn();
  sendKey = vi.fn();
  constructor(
    readonly target: HTMLElement,
    readonly socket: FakeSocket,
  ) {
    super();
    target.append(document.createElement("canvas"));
    made.push(this);
  }
  connect() {
    this.dispatchEvent(new CustomEvent("connect"));
  }
}
vi.mock("../node_modules/@novnc/novnc/core/util/logging.js", () => ({ initLogging: vi.fn() }));
vi.mock("@novnc/novnc", () => ({
  get default() {
    return FakeRFB;
  },
}));

const sockets: FakeSocket[] = [];
class FakeSocket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  close = vi.fn();
  constructor(readonly url: string) {
    super();
    sockets.push(this);
  }
  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }
  end() {
    this.readyState = 3;
    this.dispatchEvent(new Event("close"));
  }
}

const LOOK = { viewOnly: true, quality: 3 };
let host: HTMLElement;
let states: ScreenState[];
let screen: Screen;
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const last = <T>(list: T[]) => list.at(-1) as T;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  made.length = 0;
  sockets.length = 0;
  host = document.createElement("div");
  states = [];
  screen = new Screen(host, (state) => states.push(state));
  return () => void vi.useRealTimers();
});

async function live(url = "ws://a") {
  screen.open(url, LOOK);
  await settle();
  last(sockets).open();
  last(made).connect();
  await settle(500);
}

it("connects view only and is live", async () => {
  await live();
  expect(last(made).viewOnly).toBe(true);
  expect(states).toEqual(["connecting", "live"]);
  expect(host.children).toHaveLength(1);
});

it("keeps the old picture until the connection with control has its own, and then types", async () => {
  await live();
  screen.open("ws://a?control=x", { ...LOOK, viewOnly: false });
  await settle();
  last(sockets).open();
  expect(made[0]?.disconnect).not.toHaveBeenCalled();
  expect(host.querySelectorAll("canvas")).toHaveLength(2);
  last(made).connect();
  await settle(500);
  expect(made[0]?.disconnect).toHaveBeenCalledTimes(1);
  expect(host.querySelectorAll("canvas")).toHaveLength(1);
  expect(last(made).focus).toHaveBeenCalled();
  expect(states).not.toContain("reconnecting");
});

it("comes back after a lost connection, and shows the last picture meanwhile", async () => {
  await live();
  last(made).dispatchEvent(new CustomEvent("disconnect", { detail: { clean: false } }));
  expect(last(states)).toBe("reconnecting");
  expect(host.querySelectorAll("canvas")).toHaveLength(1);
  await settle(500);
  expect(sockets).toHaveLength(2);
  last(sockets).open();
  last(made).connect();
  await settle(500);
  expect(last(states)).toBe("live");
  expect(host.querySelectorAll("canvas")).toHaveLength(1);
});

it("waits longer after each attempt that fails", async () => {
  screen.open("ws://a", LOOK);
  await settle();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    const before = sockets.length;
    last(sockets).end();
    let waited = 0;
    while (sockets.length === before && waited < 10_000) {
      await settle(100);
      waited += 100;
    }
    waits.push(waited);
  }
  expect(waits).toEqual([400, 800, 1500, 3000]);
});

it("lets go of the stream, keeps its last picture until that is not wanted either, and does not come back", async () => {
  await live();
  screen.rest();
  expect(made[0]?.disconnect).toHaveBeenCalledTimes(1);
  await settle(20_000);
  expect(sockets).toHaveLength(1);
  expect(last(states)).toBe("off");
  expect(host.querySelectorAll("canvas")).toHaveLength(1);
  screen.forget();
  expect(host.children).toHaveLength(0);
});

it("comes back to what it let go of, over its last picture", async () => {
  await live();
  screen.rest();
  await live();
  expect(sockets).toHaveLength(2);
  expect(last(states)).toBe("live");
  expect(host.querySelectorAll("canvas")).toHaveLength(1);
});

it("asks for another quality without another connection", async () => {
  await live();
  screen.open("ws://a", { ...LOOK, quality: 8 });
  expect(last(made).qualityLevel).toBe(8);
  expect(sockets).toHaveLength(1);
});

it("a socket that is not open yet is closed when it is, which a browser does without complaint", async () => {
  screen.open("ws://a", LOOK);
  await settle();
  screen.rest();
  expect(sockets[0]?.close).not.toHaveBeenCalled();
  sockets[0]?.open();
  expect(sockets[0]?.close).toHaveBeenCalledTimes(1);
  expect(made).toHaveLength(0);
});
