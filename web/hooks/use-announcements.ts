"use client";

import { useContext, useEffect } from "react";
import { announce, toast } from "@/lib/notify";
import { SessionContext } from "./use-session";

/** Says aloud, sparingly, what a person looking elsewhere would want to know: an agent lost, a task ended, the session complete. */
export function useAnnouncements(): void {
  const store = useContext(SessionContext);
  useEffect(() => {
    if (!store) return;
    return store.subscribe((state, before) => {
      if (before.phase !== "open" || state.board === before.board) return;
      const said: string[] = [];
      for (const task of Object.values(state.board.tasks)) {
        const status = before.board.tasks[task.id]?.status;
        if (status === task.status) continue;
        if (task.status === "completed") said.push(`Task done: ${task.title}.`);
        if (task.status === "failed") said.push(`Task not done: ${task.title}.`);
      }
      for (const agent of Object.values(state.board.agents))
        if (agent.status === "lost" && before.board.agents[agent.id]?.status !== "lost") {
          toast(`${agent.name} was lost. ${agent.reason}`, { tone: "bad" });
        }
      if (state.board.status === "complete" && before.board.status !== "complete")
        said.push("The session is complete; the summary is there.");
      if (said.length > 0) announce(said.slice(-3).join(" "));
    });
  }, [store]);
}
