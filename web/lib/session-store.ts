/**
 * One store per session page: the whiteboard, each agent's log, and how the page is connected.
 *
 * Events come in through `receive`, in order and each once (see `session-link.ts`); they are folded together once per animation frame,
 * so that ten thousand at once are one update of the screen.
 *
 * A long session can `begin` near its end: with the whiteboard as it stood then. The agents' logs then begin there too, until `recall` is
 * given what was before.
 */
import { createStore, type StoreApi } from "zustand/vanilla";
import { type AgentLog, AgentLogs } from "./agent-log";
import type { Problem } from "./api";
import type { AnyEvent } from "./events";
import type { Opening } from "./opening";
import { EMPTY, fold, type Whiteboard } from "./whiteboard";

export type Connection = "connecting" | "live" | "reconnecting";

export interface SessionState {
  readonly session: string;
  /** `loading` until the log has been read once; `failed` if it cannot be read at all. */
  readonly phase: "loading" | "open" | "failed";
  readonly problem: Partial<Problem> | null;
  readonly connection: Connection;
  readonly board: Whiteboard;
  readonly logs: Record<string, AgentLog>;
  /** The last event that the logs do not know of yet; 0 once they are whole. */
  readonly earlier: number;
}

export interface SessionStore extends StoreApi<SessionState> {
  /** Shows a session from here on, instead of from its first event. For a store that has received nothing. */
  begin(opening: Pick<Opening, "board" | "events">): void;
  /** All events up to `earlier`, which the logs lack. */
  recall(events: readonly AnyEvent[]): void;
  receive(events: readonly AnyEvent[]): void;
  /** Folds what waits, now. */
  flush(): void;
  connection(connection: Connection): void;
  /** The log has been read up to where the server was when asked. */
  caughtUp(): void;
  fail(problem: Partial<Problem>): void;
}

/** A hidden tab gets no animation frames; it is kept up to date on a slow timer. */
const HIDDEN_FLUSH_MS = 250;

export function createSessionStore(session: string): SessionStore {
  const store = createStore<SessionState>(() => ({
    session,
    phase: "loading",
    problem: null,
    connection: "connecting",
    board: EMPTY,
    logs: {},
    earlier: 0,
  }));
  let logs = new AgentLogs();
  /** What has come since the store began, for as long as it lacks what was before. */
  let since: AnyEvent[] | null = null;
  let waiting: AnyEvent[] = [];
  let scheduled = false;

  function flush(): void {
    scheduled = false;
    if (waiting.length === 0) return;
    const events = waiting;
    waiting = [];
    let { board } = store.getState();
    for (const event of events) {
      const after = fold(board, event);
      logs.add(board, after, event);
      board = after;
      since?.push(event);
    }
    store.setState({ board, logs: logs.snapshot(store.getState().logs) });
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    if (typeof requestAnimationFrame === "undefined" || document.hidden) setTimeout(flush, HIDDEN_FLUSH_MS);
    else requestAnimationFrame(flush);
  }

  function receive(events: readonly AnyEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) waiting.push(event);
    schedule();
  }

  return {
    ...store,
    begin({ board, events }) {
      if (board.last > 0) since = [];
      store.setState({ board, earlier: board.last });
      receive(events);
      flush();
      store.setState({ phase: "open", problem: null });
    },
    recall(events) {
      flush();
      if (since === null) return;
      logs = new AgentLogs();
      let board = EMPTY;
      for (const some of [events, since])
        for (const event of some) {
          const after = fold(board, event);
          logs.add(board, after, event);
          board = after;
        }
      since = null;
      store.setState({ logs: logs.snapshot({}), earlier: 0 });
    },
    receive,
    flush,
    connection: (connection) => store.setState({ connection }),
    caughtUp() {
      flush();
      store.setState({ phase: "open", problem: null, connection: "live" });
    },
    fail: (problem) => store.setState({ phase: "failed", problem }),
  };
}
