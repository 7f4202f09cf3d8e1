"use client";

import { LoaderCircleIcon, SendHorizontalIcon } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { isOver } from "@/lib/agents";
import { api, messageOf } from "@/lib/api";
import { announce } from "@/lib/notify";
import type { AgentState } from "@/lib/whiteboard";

/** A word to the agent while it works; its brain reads it before the next step. */
export function SteerForm({ session, agent, complete }: { session: string; agent: AgentState; complete: boolean }) {
  const [text, setText] = useState("");
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<string | null>(null);
  if (isOver(agent) || complete)
    return (
      <p className="shrink-0 border-t px-4 py-3 text-muted-foreground text-xs">
        {agent.name} has ended{agent.reason ? `: ${agent.reason}` : "."}
      </p>
    );

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (sending || text.trim() === "") return;
    setSending(true);
    setError(null);
    try {
      await api.steer(session, agent.id, text.trim());
      setText("");
      announce(`${agent.name} was told.`);
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setSending(false);
    }
  }

  return (
    <form onSubmit={submit} className="shrink-0 border-t p-3">
      <div className="flex gap-2">
        <Input
          value={text}
          dir="auto"
          maxLength={4000}
          onChange={(event) => setText(event.target.value)}
          aria-label={`Tell ${agent.name} something`}
          placeholder={`Tell ${agent.name}…`}
          autoComplete="off"
        />
        <Button type="submit" variant="outline" size="icon" aria-label="Send" disabled={sending || text.trim() === ""}>
          {sending ? <LoaderCircleIcon className="animate-spin" aria-hidden="true" /> : <SendHorizontalIcon aria-hidden="true" />}
        </Button>
      </div>
      <div aria-live="polite">{error && <p className="mt-2 text-bad text-xs">{error}</p>}</div>
    </form>
  );
}
