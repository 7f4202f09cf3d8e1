"use client";

import { LoaderCircleIcon, MonitorOffIcon, UnplugIcon } from "lucide-react";
import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";
import { useQuality } from "@/hooks/use-quality";
import { useScreen } from "@/hooks/use-screen";
import { useSeen } from "@/hooks/use-seen";
import { isOver } from "@/lib/agents";
import { urls } from "@/lib/api";
import type { Screen } from "@/lib/screen";
import { cn } from "@/lib/utils";
import type { AgentState } from "@/lib/whiteboard";

/**
 * An agent's desktop, live while somebody looks. It keeps the desk's shape before, during and after the stream; while there is none it
 * shows the stream's last picture, or the newest frame. With `control` the person's clicks and keys go through, and it is never let go.
 */
export function Desktop({
  session,
  agent,
  size,
  control = null,
  screenRef,
  className,
}: {
  session: string;
  agent: AgentState;
  /** A tile among others, or the one desk looked at. */
  size: "tile" | "full";
  control?: string | null;
  screenRef?: RefObject<Screen | null>;
  className?: string;
}) {
  const root = useRef<HTMLDivElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const over = isOver(agent);
  const open = agent.ready_at != null && !over;
  const wanted = useSeen(root) || control !== null;
  const quality = useQuality(root, agent.width || 1280);
  const url = open && wanted ? urls.screen(session, agent.id, control) : null;
  const [state, screen] = useScreen(host, { url, viewOnly: control === null, quality });
  const live = open && state === "live";

  useEffect(() => {
    if (!screenRef) return;
    screenRef.current = screen.current;
    return () => {
      screenRef.current = null;
    };
  });

  /** The newest frame when the stream was last live: its last picture is no older. */
  const [streamed, setStreamed] = useState<string | null>(null);
  const frame = agent.frame ?? null;
  useEffect(() => {
    if (live) setStreamed(frame);
  }, [live, frame]);

  return (
    <div
      ref={root}
      role="group"
      aria-label={`${agent.name}'s desktop, ${describe(agent, state, control !== null)}`}
      data-testid={`desktop-${agent.id}`}
      data-state={over ? "gone" : open ? state : "waiting"}
      style={{ aspectRatio: `${agent.width || 1280} / ${agent.height || 800}` }}
      className={cn("relative isolate w-full overflow-hidden bg-desk", className)}
    >
      {!live && wanted && (over || frame !== streamed) && (
        <LastFrame session={session} frame={frame} gone={over} onShown={() => screen.current?.forget()} />
      )}
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

/** What the agent saw last, instead of the stream. */
function LastFrame({ session, frame, gone, onShown }: { session: string; frame: string | null; gone: boolean; onShown: () => void }) {
  const [missing, setMissing] = useState<string | null>(null);
  if (!frame || missing === frame) return null;
  return (
    <img
      src={urls.frame(session, frame)}
      alt=""
      draggable={false}
      onLoad={onShown}
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
