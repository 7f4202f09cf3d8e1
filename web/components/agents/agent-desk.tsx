"use client";

import {
  ClipboardPasteIcon,
  HandIcon,
  KeyboardIcon,
  KeyboardOffIcon,
  LoaderCircleIcon,
  MaximizeIcon,
  PauseIcon,
  PlayIcon,
  Undo2Icon,
} from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { Desktop } from "@/components/desktop/desktop";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { type Control, useControl } from "@/hooks/use-control";
import { isOver } from "@/lib/agents";
import { api, messageOf } from "@/lib/api";
import { announce, toast } from "@/lib/notify";
import type { Screen } from "@/lib/screen";
import { cn } from "@/lib/utils";
import type { AgentState } from "@/lib/whiteboard";
import { AgentMark, AgentStatusBadge } from "./agent-badge";

/** The one desk looked at: its screen, who has it, and what the person can do with it. */
export function AgentDesk({ session, agent, complete }: { session: string; agent: AgentState; complete: boolean }) {
  const control = useControl(session, agent);
  const screen = useRef<Screen | null>(null);
  const frame = useRef<HTMLDivElement>(null);
  const out = useRef<HTMLButtonElement>(null);
  const mine = control.holder === "mine";
  const typing = useTyping(frame, mine, () => {
    screen.current?.blur();
    out.current?.focus();
    announce("Keyboard released.");
  });

  async function paste(): Promise<void> {
    try {
      screen.current?.paste(await navigator.clipboard.readText());
      toast("Your clipboard is on the desk now: paste it there with Ctrl+V.");
      screen.current?.focus();
    } catch {
      toast("The browser does not let this page read the clipboard.", { tone: "bad" });
    }
  }

  return (
    <section aria-label={`${agent.name}'s desk`} className="flex min-h-0 flex-1 flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="flex min-w-0 items-center gap-2.5">
          <AgentMark name={agent.name} className="size-7 text-xs" />
          <h2 className="truncate font-semibold text-[15px] tracking-tight">{agent.name}</h2>
          <AgentStatusBadge agent={agent} />
        </div>
        {!isOver(agent) && !complete && (
          <Actions session={session} agent={agent} control={control} onFullScreen={() => void frame.current?.requestFullscreen()} />
        )}
      </div>
      <div className="min-h-0 flex-1 xl:[container-type:size]">
        <div
          ref={frame}
          style={{ ["--ratio" as string]: (agent.width || 1280) / (agent.height || 800) }}
          className={cn(
            "overflow-hidden rounded-xl border bg-card transition-shadow xl:w-[min(100cqw,calc((100cqh_-_2.75rem)_*_var(--ratio)))]",
            mine && "border-warn/60 ring-3 ring-warn/30",
          )}
        >
          <Desktop session={session} agent={agent} size="full" control={control.token} screenRef={screen} />
          <div className="flex min-h-10 flex-wrap items-center gap-x-3 gap-y-1.5 border-t px-3 py-1.5 text-[13px]">
            {mine ? (
              <>
                <span className="min-w-0 flex-1 basis-56 font-medium">You have the desk; {agent.name} waits.</span>
                <span className="flex flex-wrap items-center gap-1.5">
                  <Button variant="ghost" size="xs" onClick={paste}>
                    <ClipboardPasteIcon aria-hidden="true" />
                    Send clipboard
                  </Button>
                  {typing ? (
                    <Button
                      ref={out}
                      variant="outline"
                      size="xs"
                      onMouseDown={(event) => event.preventDefault()}
                      onClick={() => screen.current?.blur()}
                    >
                      <KeyboardOffIcon aria-hidden="true" />
                      Release keyboard
                      <span className="hidden gap-0.5 md:flex">
                        <Kbd>Ctrl</Kbd>
                        <Kbd>Alt</Kbd>
                        <Kbd>Shift</Kbd>
                      </span>
                    </Button>
                  ) : (
                    <Button ref={out} variant="outline" size="xs" onClick={() => screen.current?.focus()}>
                      <KeyboardIcon aria-hidden="true" />
                      Type into the desk
                    </Button>
                  )}
                </span>
              </>
            ) : (
              <p className="min-w-0 flex-1 truncate text-muted-foreground" title={agent.says || undefined}>
                {isOver(agent) ? agent.reason || "This agent has ended." : agent.says || "Nothing done yet."}
              </p>
            )}
          </div>
        </div>
      </div>
    </section>
  );
}

function Actions({
  session,
  agent,
  control,
  onFullScreen,
}: {
  session: string;
  agent: AgentState;
  control: Control;
  onFullScreen: () => void;
}) {
  const ready = agent.ready_at != null;
  const busy = control.pending !== null;
  return (
    <div className="ml-auto flex items-center gap-2">
      <Button variant="ghost" size="iconSm" aria-label="Full screen" title="Full screen" disabled={!ready} onClick={onFullScreen}>
        <MaximizeIcon className="text-muted-foreground" aria-hidden="true" />
      </Button>
      <PauseButton session={session} agent={agent} />
      {control.holder === "mine" ? (
        <Button size="sm" data-testid="hand-back" disabled={busy} onClick={() => void control.release()}>
          {busy ? <LoaderCircleIcon className="animate-spin" aria-hidden="true" /> : <Undo2Icon aria-hidden="true" />}
          Hand back
        </Button>
      ) : (
        <Button
          variant="outline"
          size="sm"
          data-testid="take-over"
          disabled={!ready || busy}
          title={
            control.holder === "other"
              ? "Somebody has this desk in another tab; this takes it from them"
              : "The agent pauses; your clicks and keys go through"
          }
          onClick={() => void control.take(control.holder === "other")}
        >
          {busy ? <LoaderCircleIcon className="animate-spin" aria-hidden="true" /> : <HandIcon aria-hidden="true" />}
          {control.holder === "other" ? "Take over from the other tab" : "Take over"}
        </Button>
      )}
    </div>
  );
}

function PauseButton({ session, agent }: { session: string; agent: AgentState }) {
  const [pending, setPending] = useState(false);
  const paused = agent.paused;

  async function toggle(): Promise<void> {
    setPending(true);
    try {
      await (paused ? api.resume(session, agent.id) : api.pause(session, agent.id));
    } catch (error) {
      toast(messageOf(error), { tone: "bad" });
    } finally {
      setPending(false);
    }
  }

  return (
    <Button variant="outline" size="sm" disabled={pending || agent.ready_at == null} onClick={() => void toggle()}>
      {pending ? (
        <LoaderCircleIcon className="animate-spin" aria-hidden="true" />
      ) : paused ? (
        <PlayIcon aria-hidden="true" />
      ) : (
        <PauseIcon aria-hidden="true" />
      )}
      {paused ? "Resume" : "Pause"}
    </Button>
  );
}

/** Do keys go to the desk? And the way out: Ctrl, Alt and Shift pressed together. */
function useTyping(frame: React.RefObject<HTMLElement | null>, mine: boolean, release: () => void): boolean {
  const [typing, setTyping] = useState(false);
  const act = useRef(release);
  act.current = release;
  const read = useCallback(
    () => setTyping(document.activeElement instanceof HTMLCanvasElement && !!frame.current?.contains(document.activeElement)),
    [frame],
  );

  useEffect(() => {
    if (!mine) return setTyping(false);
    const pressed = (event: KeyboardEvent) => {
      if (!(event.target instanceof HTMLCanvasElement) || !event.ctrlKey || !event.altKey || !event.shiftKey) return;
      if (!["Control", "Alt", "Shift"].includes(event.key)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      act.current();
    };
    const left = () => setTimeout(read);
    window.addEventListener("keydown", pressed, true);
    document.addEventListener("focusin", read);
    document.addEventListener("focusout", left);
    return () => {
      window.removeEventListener("keydown", pressed, true);
      document.removeEventListener("focusin", read);
      document.removeEventListener("focusout", left);
    };
  }, [mine, read]);

  return typing;
}
