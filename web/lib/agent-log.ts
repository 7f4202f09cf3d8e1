/**
 * What the thinking panel shows of one agent: its rows in the order they were said, and the raw reasoning of every step.
 *
 * A step is a row. Reasoning, or what the model took, that arrives before the step's line opens the row (`line: null`), the line then
 * fills it; further lines of the same step are rows of their own. What the whiteboard ignores (a lost agent, an ended attempt) makes no row.
 */
import type { AnyEvent, EventOf, EventType, Schemas } from "./events";
import type { Whiteboard } from "./whiteboard";

const NOTES = [
  "agent:hired",
  "agent:ready",
  "agent:paused",
  "agent:resumed",
  "agent:steered",
  "agent:taken",
  "agent:released",
  "agent:asked",
  "agent:answered",
  "agent:lost",
  "agent:terminated",
  "task:assigned",
  "task:completed",
  "task:failed",
  "artifact:saved",
] as const satisfies readonly EventType[];

export type NoteEvent = EventOf<(typeof NOTES)[number]>;
export type StepRow = {
  kind: "step";
  key: number;
  at: number;
  step: number;
  line: EventOf<"agent:thinking"> | null;
  /** The model calls behind it. */
  spent: readonly Schemas["Spending"][];
};
export type NoteRow = { kind: "note"; key: number; at: number; event: NoteEvent };
export type Row = StepRow | NoteRow;

export interface AgentLog {
  readonly rows: readonly Row[];
  readonly reasoning: ReadonlyMap<number, string>;
}

export const EMPTY_LOG: AgentLog = { rows: [], reasoning: new Map() };

const isNote = (event: AnyEvent): event is NoteEvent => (NOTES as readonly string[]).includes(event.type);

/** Collects rows while events are folded; `snapshot()` gives out what changed since the last one. Appending costs constant time. */
export class AgentLogs {
  private readonly logs = new Map<string, { rows: Row[]; reasoning: Map<number, string>; open: Map<number, number>; steps: Set<number> }>();
  private readonly changed = new Set<string>();

  /** `board` is the whiteboard before the event, `after` the one after it. */
  add(board: Whiteboard, after: Whiteboard, event: AnyEvent): void {
    if (!("agent" in event)) return;
    const known = Object.hasOwn(after.agents, event.agent) ? after.agents[event.agent] : undefined;
    const before = Object.hasOwn(board.agents, event.agent) ? board.agents[event.agent] : undefined;
    if (!known || (before && before.ended_at != null)) return;
    if (event.type === "agent:reasoning") this.reason(event);
    else if (event.type === "agent:spent") this.spend(event);
    else if (event.type === "agent:thinking") this.think(event);
    else if (isNote(event) && counts(board, after, event))
      this.of(event.agent).rows.push({ kind: "note", key: event.seq, at: event.at, event });
    else return;
    this.changed.add(event.agent);
  }

  /** The logs as they stand: unchanged agents keep their identity, changed ones get a new one. */
  snapshot(last: Record<string, AgentLog>): Record<string, AgentLog> {
    if (this.changed.size === 0) return last;
    const next = { ...last };
    for (const agent of this.changed) {
      const { rows, reasoning } = this.of(agent);
      next[agent] = { rows, reasoning };
    }
    this.changed.clear();
    return next;
  }

  private of(agent: string) {
    let log = this.logs.get(agent);
    if (!log) {
      log = { rows: [], reasoning: new Map(), open: new Map(), steps: new Set() };
      this.logs.set(agent, log);
    }
    return log;
  }

  private reason(event: EventOf<"agent:reasoning">): void {
    const log = this.of(event.agent);
    log.reasoning.set(event.step, (log.reasoning.get(event.step) ?? "") + event.text);
    if (log.steps.has(event.step)) return;
    this.begin(event);
  }

  private spend(event: EventOf<"agent:spent">): void {
    const log = this.of(event.agent);
    const open = log.open.get(event.step) ?? this.begin(event);
    const row = log.rows[open];
    if (row?.kind === "step") log.rows[open] = { ...row, spent: [...row.spent, event.spending] };
  }

  /** Opens a row for the step; its place. */
  private begin({ agent, step, seq, at }: EventOf<"agent:reasoning" | "agent:spent">): number {
    const log = this.of(agent);
    log.steps.add(step);
    log.open.set(step, log.rows.length);
    return log.rows.push({ kind: "step", key: seq, at, step, line: null, spent: [] }) - 1;
  }

  private think(event: EventOf<"agent:thinking">): void {
    const log = this.of(event.agent);
    const open = log.open.get(event.step);
    log.steps.add(event.step);
    const row = open === undefined ? undefined : log.rows[open];
    if (open !== undefined && row?.kind === "step") {
      log.rows[open] = { ...row, at: event.at, line: event };
      log.open.delete(event.step);
    } else {
      log.rows.push({ kind: "step", key: event.seq, at: event.at, step: event.step, line: event, spent: [] });
    }
  }
}

/** Did the event change anything? A late task or artifact does not; what only speaks (steered, asked, answered) always counts. */
function counts(board: Whiteboard, after: Whiteboard, event: NoteEvent): boolean {
  if (event.type === "artifact:saved") return board.artifacts !== after.artifacts;
  if (event.type === "task:assigned" || event.type === "task:completed" || event.type === "task:failed") return board.tasks !== after.tasks;
  if (event.type === "agent:hired") return board.agents !== after.agents;
  return true;
}
