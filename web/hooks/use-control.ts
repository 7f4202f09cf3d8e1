"use client";

import { useEffect, useState } from "react";
import { ApiError, api, messageOf } from "@/lib/api";
import { announce, toast } from "@/lib/notify";
import { keepControl, keptControl, tabName } from "@/lib/tab";
import type { AgentState } from "@/lib/whiteboard";

export interface Control {
  /** `mine`: this tab has the desk; `other`: another one has it; `agent`: the agent has it. */
  holder: "mine" | "other" | "agent";
  /** The secret that lets this tab's clicks and keys through. */
  token: string | null;
  pending: "take" | "release" | null;
  take: (steal: boolean) => Promise<void>;
  release: () => Promise<void>;
}

/** Who has the desk: the log says who, this tab's storage says with what right. */
export function useControl(session: string, agent: AgentState): Control {
  const [token, setToken] = useState(() => keptControl(session, agent.id));
  const [pending, setPending] = useState<Control["pending"]>(null);
  const taken = agent.taken_by ?? null;
  const mine = taken !== null && taken === tabName() && token !== null;
  const elsewhere = taken !== null && taken !== tabName();

  function remember(next: string | null): void {
    setToken(next);
    keepControl(session, agent.id, next);
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: only a change of hands matters
  useEffect(() => {
    if (!elsewhere || token === null) return;
    remember(null);
    toast(`${agent.name}'s desk was taken over in another tab.`);
  }, [elsewhere]);

  return {
    holder: mine ? "mine" : taken === null ? "agent" : "other",
    token: mine ? token : null,
    pending,
    async take(steal) {
      if (pending) return;
      setPending("take");
      try {
        const { control } = await api.take(session, agent.id, tabName(), steal);
        remember(control);
        announce(`You have ${agent.name}'s desk. The agent waits.`);
      } catch (error) {
        toast(messageOf(error), { tone: "bad" });
      } finally {
        setPending(null);
      }
    },
    async release() {
      if (pending || token === null) return;
      setPending("release");
      try {
        await api.release(session, agent.id, token);
        remember(null);
        announce(`${agent.name} has its desk back and goes on.`);
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) remember(null);
        toast(messageOf(error), { tone: "bad" });
      } finally {
        setPending(null);
      }
    },
  };
}
