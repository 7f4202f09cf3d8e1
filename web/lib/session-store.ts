/**
 * One store per session page: the whiteboard, each agent's log, and how the page is connected.
 *
 * Events come in through `receive`, in order and each once (see `session-link.ts`); they are folded together once per animation frame,
 * so that ten thousand at once are one update of the screen.
 */
import { createStore, type StoreApi } from "zustand/vanilla";
import { type AgentLog, AgentLogs } from "./agent-log";
import type { Problem } from "./api";
import type { AnyEvent } from "./events";
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
}

export interface SessionStore extends StoreApi<SessionState> {
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
  }));
  const logs = new AgentLogs();
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
    }
    store.setState({ board, logs: logs.snapshot(store.getState().logs) });
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    if (typeof requestAnimationFrame === "undefined" || document.hidden) setTimeout(flush, HIDDEN_FLUSH_MS);
    else requestAnimationFrame(flush);
  }

  return {
    ...store,
    receive(events) {
      if (events.length === 0) return;
      for (const event of events) waiting.push(event);
      schedule();
    },
    flush,
    connection: (connection) => store.setState({ connection }),
    caughtUp() {
      flush();
      store.setState({ phase: "open", problem: null, connection: "live" });
    },
    fail: (problem) => store.setState({ phase: "failed", problem }),
  };
}
