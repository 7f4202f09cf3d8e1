/** How an agent is shown: its colour by the order of hiring, its state in a word. */
import type { CSSProperties } from "react";
import type { Tone } from "@/components/ui/badge";
import type { AgentState, TaskState, Whiteboard } from "./whiteboard";

const COLOURS = 6;

export function agentColour(board: Whiteboard, agent: string): CSSProperties {
  const index = Math.max(0, Object.keys(board.agents).indexOf(agent));
  return { "--agent": `var(--agent-${(index % COLOURS) + 1})` } as CSSProperties;
}

export const AGENT_STATUS: Record<AgentState["status"], { word: string; tone: Tone; live: boolean }> = {
  starting: { word: "Opening its desk", tone: "plain", live: true },
  idle: { word: "Waiting for a task", tone: "plain", live: false },
  working: { word: "Working", tone: "primary", live: true },
  paused: { word: "Paused", tone: "warn", live: false },
  taken: { word: "Taken over", tone: "warn", live: false },
  lost: { word: "Lost", tone: "bad", live: false },
  terminated: { word: "Done", tone: "plain", live: false },
};

export const TASK_STATUS: Record<TaskState["status"], { word: string; tone: Tone }> = {
  waiting: { word: "Waiting", tone: "plain" },
  running: { word: "Running", tone: "primary" },
  completed: { word: "Done", tone: "good" },
  failed: { word: "Not done", tone: "bad" },
  dropped: { word: "Not needed", tone: "plain" },
};

export function taskTitle(board: Whiteboard, task: string | null | undefined): string {
  return (task && Object.hasOwn(board.tasks, task) && board.tasks[task]?.title) || "";
}

export const isOver = (agent: AgentState) => agent.ended_at != null;

/** How far the tasks are. What turned out not to be needed does not count. */
export function progressOf(board: Whiteboard): { tasks: TaskState[]; done: number; failed: number } {
  const tasks = Object.values(board.tasks).filter(({ status }) => status !== "dropped");
  const count = (wanted: TaskState["status"]) => tasks.filter(({ status }) => status === wanted).length;
  return { tasks, done: count("completed"), failed: count("failed") };
}
