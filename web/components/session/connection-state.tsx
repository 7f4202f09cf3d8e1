"use client";

import { useSession } from "@/hooks/use-session";
import { cn } from "@/lib/utils";

const words = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…" } as const;

/** Does what is shown still follow the session? */
export function ConnectionState() {
  const connection = useSession((state) => state.connection);
  const live = connection === "live";
  return (
    <span
      role="status"
      data-testid="connection-state"
      data-state={connection}
      title={live ? "Connected: changes appear at once" : "Not connected: what you see may be out of date"}
      className={cn(
        "inline-flex shrink-0 items-center gap-1.5 rounded-full text-xs",
        live ? "text-muted-foreground" : "px-2 py-0.5 font-medium tint-warn",
        // A session just opened is shown before it is live; that is nothing to warn of unless it lasts.
        connection === "connecting" && "fade-in fill-mode-both animate-in delay-1000",
      )}
    >
      <span aria-hidden="true" className={cn("size-1.5 rounded-full", live ? "bg-good" : "animate-breathe bg-current")} />
      <span className={cn(live && "max-sm:sr-only", "max-[420px]:sr-only")}>{words[connection]}</span>
    </span>
  );
}
