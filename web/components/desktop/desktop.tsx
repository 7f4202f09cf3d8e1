"use client";

import { LoaderCircleIcon, MonitorOffIcon, UnplugIcon } from "lucide-react";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { useScreen } from "@/hooks/use-screen";
import { isOver } from "@/lib/agents";
import { urls } from "@/lib/api";
import type { Screen } from "@/lib/screen";
import { cn } from "@/lib/utils";
import type { AgentState } from "@/lib/whiteboard";

/** How good the picture is: a tile among others, or the one desk looked at. */
const QUALITY = { tile: { quality: 3, compression: 6 }, full: { quality: 7, compression: 2 } };

/**
 * An agent's desktop, live. It keeps the desk's shape before, during and after the stream, and shows the last frame while there is none.
 * `streaming` lets go of the stream of what nobody sees; with `control` the person's clicks and keys go through.
 */
export function Desktop({
  session,
  agent,
  size,
  streaming,
  control = null,
  screenRef,
  className,
}: {
  session: string;
  agent: AgentState;
  size: keyof typeof QUALITY;
  streaming: boolean;
  control?: string | null;
  screenRef?: RefObject<Screen | null>;
  className?: string;
}) {
  const host = useRef<HTMLDivElement>(null);
  const over = isOver(agent);
  const open = agent.ready_at != null && !over;
  const url = open && streaming ? urls.screen(session, agent.id, control) : null;
  const [state, screen] = useScreen(host, { url, viewOnly: control === null, ...QUALITY[size] });

  useEffect(() => {
    if (!screenRef) return;
    screenRef.current = screen.current;
    return () => {
      screenRef.current = null;
    };
  });

  const live = open && state === "live";
  return (
    <div
      role="group"
      aria-label={`${agent.name}'s desktop, ${describe(agent, state, control !== null)}`}
      data-testid={`desktop-${agent.id}`}
      data-state={over ? "gone" : open ? state : "waiting"}
      style={{ aspectRatio: `${agent.width || 1280} / ${agent.height || 800}` }}
      className={cn("relative isolate w-full overflow-hidden bg-desk", className)}
    >
      {!live && <LastFrame session={session} frame={agent.frame ?? null} gone={over} />}
      <div ref={host} className="absolute inset-0" />
      {over ? (
        <Over icon={<MonitorOffIcon className="size-4" aria-hidden="true" />} small={size === "tile"} aside={agent.frame != null}>
          {agent.status === "lost" ? "The desk was lost" : agent.ready_at == null ? "The desk never opened" : "The desk is gone"}
          {agent.frame ? " – last picture" : ""}
        </Over>
      ) : !open ? (
        <Over icon={<LoaderCircleIcon className="size-4 animate-spin" aria-hidden="true" />} small={size === "tile"}>
          Opening the desk…
        </Over>
      ) : state === "reconnecting" ? (
        <Over icon={<UnplugIcon className="size-4" aria-hidden="true" />} small={size === "tile"}>
          Disconnected – reconnecting…
        </Over>
      ) : state === "connecting" ? (
        <Over icon={<LoaderCircleIcon className="size-4 animate-spin" aria-hidden="true" />} small={size === "tile"} late>
          Connecting…
        </Over>
      ) : null}
    </div>
  );
}

function describe(agent: AgentState, state: string, mine: boolean): string {
  if (isOver(agent)) return "gone";
  if (agent.ready_at == null) return "opening";
  if (state !== "live") return "not connected";
  return mine ? "live, under your control" : "live, view only";
}

/** What was seen last, under or instead of the stream. */
function LastFrame({ session, frame, gone }: { session: string; frame: string | null; gone: boolean }) {
  const [missing, setMissing] = useState<string | null>(null);
  if (!frame || missing === frame) return null;
  return (
    <img
      src={urls.frame(session, frame)}
      alt=""
      draggable={false}
      onError={() => setMissing(frame)}
      className={cn("absolute inset-0 size-full object-contain", gone && "opacity-60 grayscale-75")}
    />
  );
}

/** `late`: what usually passes at once is not said at once. `aside`: there is a picture to be seen. */
function Over({
  icon,
  small,
  late = false,
  aside = false,
  children,
}: {
  icon: ReactNode;
  small: boolean;
  late?: boolean;
  aside?: boolean;
  children: ReactNode;
}) {
  return (
    <div
      className={cn(
        "pointer-events-none absolute inset-0 flex p-3",
        aside ? "items-start justify-start" : "items-center justify-center",
        late && "fade-in fill-mode-both animate-in delay-600",
      )}
    >
      <span
        className={cn(
          "inline-flex max-w-full items-center gap-2 rounded-full border bg-popover text-popover-foreground shadow-lift",
          small ? "px-2.5 py-1 text-xs" : "px-3.5 py-1.5 text-[13px]",
        )}
      >
        {icon}
        <span className="truncate">{children}</span>
      </span>
    </div>
  );
}
