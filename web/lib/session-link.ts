/**
 * Follows a session over Socket.IO and hands its events to the store: in order, each exactly once, without a gap.
 *
 * It begins with the session's opening, if there is one, and then connects. On every (re)connect it joins with the last `seq` it has; what
 * arrives live while the answer is under way waits for it. An event that skips a number means something was lost on the way: join again.
 * What was before the opening is fetched once it is live. `close()` ends it and lets go of the socket.
 */
import { io, type Socket } from "socket.io-client";
import { ApiError, api, type Problem } from "./api";
import { type AnyEvent, EVENT_TYPES } from "./events";
import type { Opening } from "./opening";
import type { SessionStore } from "./session-store";

/** How long an answer to `session:join` may take before it is asked again. */
const JOIN_TIMEOUT_MS = 15_000;
/** Pause before a join is repeated that failed or brought nothing new. */
const REJOIN_MS = 500;

/** How long the opening may take before the log is read from its beginning instead. */
const OPENING_MS = 5000;
/** Pause before what was earlier is fetched: what is shown first comes first. */
const EARLIER_AFTER_MS = 250;
const EARLIER_AGAIN_MS = 3000;

type Joined = { events: AnyEvent[]; last: number } | { error: Partial<Problem> };

/** A wire is opened by `connect()`. The little of a Socket.IO client that is used here; tests bring their own. */
export type Wire = Pick<Socket, "on" | "off" | "connect" | "disconnect" | "connected" | "active"> & {
  timeout(ms: number): { emitWithAck(event: string, ...args: unknown[]): Promise<unknown> };
};

export function openWire(): Wire {
  return io({
    autoConnect: false,
    path: "/socket.io",
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelay: 400,
    reconnectionDelayMax: 4000,
  });
}

/** Puts events in order: gives out the ones that follow on, keeps the early ones, drops the repeated ones. */
export class Sequence {
  last = 0;
  private readonly early = new Map<number, AnyEvent>();

  /** Events up to this one are not waited for. */
  skip(last: number): void {
    this.last = last;
  }

  push(events: readonly AnyEvent[]): AnyEvent[] {
    for (const event of events) if (event.seq > this.last) this.early.set(event.seq, event);
    const ready: AnyEvent[] = [];
    for (let next = this.early.get(this.last + 1); next; next = this.early.get(this.last + 1)) {
      this.early.delete(next.seq);
      this.last = next.seq;
      ready.push(next);
    }
    return ready;
  }

  get gap(): boolean {
    return this.early.size > 0;
  }
}

export function follow(
  session: string,
  store: SessionStore,
  wire: Wire = openWire(),
  opening: Promise<Opening | null> | null = null,
): () => void {
  const sequence = new Sequence();
  let joining = false;
  let opened = opening === null;
  let connecting: ReturnType<typeof setTimeout> | undefined;
  let recalling: ReturnType<typeof setTimeout> | undefined;
  /** Counts connections, so that an answer to an earlier one is not taken for this one's. */
  let connection = 0;
  let closed = false;
  let asked = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const again = (wait: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => void join(), wait);
  };

  async function join(): Promise<void> {
    if (closed || joining || !opened || !wire.connected) return;
    joining = true;
    const mine = connection;
    const before = sequence.last;
    let joined: Joined | null = null;
    try {
      joined = (await wire.timeout(JOIN_TIMEOUT_MS).emitWithAck("session:join", { session, after: before })) as Joined;
    } catch {
      // No answer in time: asked again below.
    }
    if (closed || mine !== connection) return;
    joining = false;
    if (joined === null) return again(REJOIN_MS);
    if ("error" in joined) {
      if (store.getState().phase === "open" && (joined.error.status ?? 500) >= 500) return again(REJOIN_MS * 4);
      return store.fail(joined.error);
    }
    store.receive(sequence.push(joined.events));
    if (sequence.gap || sequence.last < joined.last) return again(sequence.last > before ? 0 : REJOIN_MS);
    store.caughtUp();
    recall(EARLIER_AFTER_MS);
  }

  /** Begin with this, or, if it is null, with nothing. What there is is shown before anything else is done. */
  function begin(found: Opening | null): void {
    if (closed || opened) return;
    opened = true;
    if (found) {
      sequence.skip(found.board.last);
      store.begin({ board: found.board, events: sequence.push(found.events) });
    }
    connecting = setTimeout(() => wire.connect());
  }

  function recall(wait: number): void {
    clearTimeout(recalling);
    const { earlier } = store.getState();
    if (closed || earlier === 0) return;
    recalling = setTimeout(() => {
      api.earlier(session, earlier).then(
        (events) => !closed && store.recall(events),
        () => recall(EARLIER_AGAIN_MS),
      );
    }, wait);
  }

  function live(event: AnyEvent): void {
    if (event.session !== session) return;
    store.receive(sequence.push([event]));
    if (sequence.gap && !joining) void join();
  }

  function connected(): void {
    connection += 1;
    joining = false;
    void join();
  }

  function disconnected(reason: string): void {
    connection += 1;
    joining = false;
    store.connection("reconnecting");
    if (reason === "io server disconnect" && !closed) wire.connect();
  }

  /** Why does it not connect? If nothing was ever shown, HTTP says it in a sentence (a missing token, an unknown session). */
  async function refused(): Promise<void> {
    store.connection(store.getState().phase === "loading" ? "connecting" : "reconnecting");
    if (store.getState().phase === "loading" && !asked) {
      asked = true;
      await api.session(session).then(
        () => {},
        (error) => {
          if (!closed && error instanceof ApiError && error.status >= 400 && error.status < 500)
            store.fail({ status: error.status, code: error.code, detail: error.message });
        },
      );
      asked = false;
    }
    if (!closed && !wire.active && store.getState().phase !== "failed") setTimeout(() => !closed && wire.connect(), 2000);
  }

  wire.on("connect", connected);
  wire.on("disconnect", disconnected);
  wire.on("connect_error", refused);
  for (const name of EVENT_TYPES) wire.on(name, live);
  if (wire.connected) connected();
  opening?.then(begin);
  const late = setTimeout(() => begin(null), OPENING_MS);

  return () => {
    closed = true;
    for (const each of [timer, late, connecting, recalling]) clearTimeout(each);
    wire.disconnect();
  };
}
