/**
 * The whiteboard: a session as it stands, the pure fold of its events.
 *
 * The same fold as `whiteboard.py`, held to it by `lib/fixtures/sessions.json`, which Python writes. What a lost agent, an ended
 * attempt or an unknown task still says is counted (`last`) and otherwise ignored; nothing is changed in place.
 */
import type { AnyEvent, EventOf, Schemas } from "./events";

export type Whiteboard = Schemas["Whiteboard"];
export type TaskState = Schemas["TaskState"];
export type AgentState = Schemas["AgentState"];
export type ArtifactState = Schemas["ArtifactState"];
export type Spent = Schemas["Spent"];

const NOTHING_SPENT: Spent = { calls: 0, input: 0, cached: 0, output: 0, dollars: 0, unpriced: 0 };

export const EMPTY: Whiteboard = {
  session: "",
  prompt: "",
  status: "planning",
  outcome: null,
  agents_wanted: 1,
  planner: "",
  brain: "",
  desks: "",
  rehearsal: false,
  limits: {
    steps: 100,
    attempts: 2,
    agents: 4,
    tasks: 30,
    minutes: null,
    tokens: null,
    dollars: null,
    all_steps: null,
    task_minutes: null,
    task_tokens: null,
    task_dollars: null,
  },
  plan: "",
  tasks: {},
  agents: {},
  artifacts: {},
  stop_reason: "",
  spent: NOTHING_SPENT,
  summary: null,
  created_at: 0,
  ended_at: null,
  last: 0,
};

function lookup<T>(among: Record<string, T>, id: string): T | undefined {
  return Object.hasOwn(among, id) ? among[id] : undefined;
}

function withTask(board: Whiteboard, id: string, changes: Partial<TaskState>): Whiteboard {
  const task = lookup(board.tasks, id);
  return task ? { ...board, tasks: { ...board.tasks, [id]: { ...task, ...changes } } } : board;
}

function withAgent(board: Whiteboard, id: string, changes: Partial<AgentState>): Whiteboard {
  const before = lookup(board.agents, id);
  if (!before) return board;
  const agent = { ...before, ...changes };
  return { ...board, agents: { ...board.agents, [id]: { ...agent, status: statusOf(agent) } } };
}

function statusOf(agent: AgentState): AgentState["status"] {
  if (agent.status === "lost" || agent.status === "terminated" || agent.ready_at == null) return agent.status;
  if (agent.taken_by != null) return "taken";
  if (agent.paused) return "paused";
  return agent.task ? "working" : "idle";
}

function living(board: Whiteboard, id: string): AgentState | undefined {
  const agent = lookup(board.agents, id);
  return agent && agent.ended_at == null ? agent : undefined;
}

/** The task of the attempt under way, if it is said by who has it. */
function held(board: Whiteboard, e: { agent: string; task: string; attempt: number }): TaskState | undefined {
  const task = lookup(board.tasks, e.task);
  return task && task.status === "running" && task.agent === e.agent && task.attempt === e.attempt ? task : undefined;
}

function begun(board: Whiteboard, id: string): boolean {
  const task = lookup(board.tasks, id);
  return task?.status !== "waiting" || task.attempt > 0;
}

function add(spent: Spent, e: Schemas["Spending"]): Spent {
  return {
    calls: spent.calls + 1,
    input: spent.input + e.input,
    cached: spent.cached + e.cached,
    output: spent.output + e.output,
    dollars: spent.dollars + (e.dollars ?? 0),
    unpriced: spent.unpriced + (e.dollars == null ? 1 : 0),
  };
}

function ended(board: Whiteboard, e: EventOf<"agent:lost" | "agent:terminated">): Whiteboard {
  const agent = living(board, e.agent);
  if (!agent) return board;
  const status = e.type === "agent:lost" ? "lost" : "terminated";
  const next = withAgent(board, e.agent, { status, task: null, taken_by: null, reason: e.reason, ended_at: e.at });
  if (agent.task == null || lookup(next.tasks, agent.task)?.status !== "running") return next;
  return withTask(next, agent.task, { status: "waiting", reason: e.reason });
}

function step(board: Whiteboard, e: AnyEvent): Whiteboard {
  switch (e.type) {
    case "session:created":
      return {
        ...board,
        session: e.session,
        prompt: e.prompt,
        agents_wanted: e.agents,
        planner: e.planner,
        brain: e.brain,
        desks: e.desks,
        rehearsal: e.rehearsal,
        limits: e.limits,
        created_at: e.at,
      };
    case "session:planned":
      return { ...board, plan: e.says, status: board.status === "planning" ? "running" : board.status };
    case "session:spent":
      return { ...board, spent: add(board.spent, e.spending) };
    case "agent:spent": {
      const next = { ...board, spent: add(board.spent, e.spending) };
      const agent = lookup(board.agents, e.agent);
      return agent ? withAgent(next, e.agent, { spent: add(agent.spent, e.spending) }) : next;
    }
    case "session:stopping":
      return board.status === "stopping" || board.status === "complete" ? board : { ...board, status: "stopping", stop_reason: e.reason };
    case "session:complete":
      return board.status === "complete" ? board : { ...board, status: "complete", outcome: e.outcome, summary: e.summary, ended_at: e.at };
    case "task:created": {
      if (lookup(board.tasks, e.task)) return board;
      const task: TaskState = {
        id: e.task,
        title: e.title,
        instructions: e.instructions,
        needs: e.needs,
        status: "waiting",
        agent: null,
        attempt: 0,
        result: "",
        reason: "",
        artifacts: [],
        tried_by: [],
        created_at: e.at,
        started_at: null,
        ended_at: null,
      };
      return { ...board, tasks: { ...board.tasks, [e.task]: task } };
    }
    case "task:assigned": {
      const task = lookup(board.tasks, e.task);
      if (task?.status !== "waiting" || !living(board, e.agent)) return board;
      const next = withTask(board, e.task, {
        status: "running",
        agent: e.agent,
        attempt: e.attempt,
        tried_by: [...task.tried_by, e.agent],
        started_at: task.started_at || e.at,
      });
      return withAgent(next, e.agent, { task: e.task });
    }
    case "task:completed": {
      if (!held(board, e)) return board;
      const artifacts = e.artifacts.filter((id) => lookup(board.artifacts, id));
      const next = withTask(board, e.task, { status: "completed", result: e.result, reason: "", artifacts, ended_at: e.at });
      return withAgent(next, e.agent, { task: null });
    }
    case "task:failed":
      if (!held(board, e)) return board;
      return withAgent(withTask(board, e.task, { status: "waiting", reason: e.reason }), e.agent, { task: null });
    case "task:changed":
      return begun(board, e.task) ? board : withTask(board, e.task, { title: e.title, instructions: e.instructions });
    case "task:dropped":
      return begun(board, e.task) ? board : withTask(board, e.task, { status: "dropped", reason: e.reason, ended_at: e.at });
    case "task:abandoned": {
      const task = lookup(board.tasks, e.task);
      if (!task || (task.status !== "waiting" && task.status !== "running")) return board;
      const next = withTask(board, e.task, { status: "failed", reason: e.reason, ended_at: e.at });
      return task.status === "running" && task.agent && living(next, task.agent) ? withAgent(next, task.agent, { task: null }) : next;
    }
    case "agent:hired": {
      if (lookup(board.agents, e.agent)) return board;
      const agent: AgentState = {
        id: e.agent,
        name: e.name,
        engine: e.engine,
        status: "starting",
        task: null,
        step: 0,
        says: "",
        frame: null,
        pid: null,
        desk: null,
        provider: null,
        machine: null,
        width: 0,
        height: 0,
        paused: false,
        taken_by: null,
        dismissed: false,
        reason: "",
        spent: NOTHING_SPENT,
        hired_at: e.at,
        ready_at: null,
        ended_at: null,
      };
      return { ...board, agents: { ...board.agents, [e.agent]: agent } };
    }
    case "desk:created":
      if (!living(board, e.agent)) return board;
      return withAgent(board, e.agent, { desk: e.desk, provider: e.provider, machine: e.machine });
    case "agent:ready":
      if (!living(board, e.agent)) return board;
      return withAgent(board, e.agent, {
        pid: e.pid,
        desk: e.desk,
        provider: e.provider,
        width: e.width,
        height: e.height,
        ready_at: e.at,
      });
    case "agent:thinking": {
      const before = living(board, e.agent);
      if (!before) return board;
      return withAgent(board, e.agent, { step: Math.max(before.step, e.step), says: e.says, frame: e.frame || before.frame });
    }
    case "agent:paused":
      return living(board, e.agent) ? withAgent(board, e.agent, { paused: true }) : board;
    case "agent:resumed":
      return living(board, e.agent) ? withAgent(board, e.agent, { paused: false }) : board;
    case "agent:taken":
      return living(board, e.agent) ? withAgent(board, e.agent, { taken_by: e.by }) : board;
    case "agent:released":
      return living(board, e.agent) ? withAgent(board, e.agent, { taken_by: null }) : board;
    case "agent:dismissed":
      return living(board, e.agent) ? withAgent(board, e.agent, { dismissed: true }) : board;
    case "agent:lost":
    case "agent:terminated":
      return ended(board, e);
    case "artifact:saved": {
      if (!held(board, e)) return board;
      const { artifact: id, name, path, bytes, media_type, blob, task, agent, at } = e;
      return { ...board, artifacts: { ...board.artifacts, [id]: { id, name, path, bytes, media_type, blob, task, agent, at } } };
    }
    default:
      return board;
  }
}

/** The whiteboard after `event`. Events come in the order of their `seq`. */
export function fold(board: Whiteboard, event: AnyEvent): Whiteboard {
  return { ...step(board, event), last: event.seq };
}

/** Fold many events, from the empty whiteboard or from `board`. */
export function foldAll(events: Iterable<AnyEvent>, board: Whiteboard = EMPTY): Whiteboard {
  for (const event of events) board = fold(board, event);
  return board;
}
