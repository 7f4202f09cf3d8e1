"use client";

import { useCallback, useSyncExternalStore } from "react";

/**
 * What the session page shows, kept in the address so that a reload keeps it: the overview, the whiteboard, the summary or an agent.
 * An address that names nothing means `auto`: the overview while agents are at work, the summary once they are done.
 */
export type View = "auto" | "overview" | "whiteboard" | "summary" | `agent:${string}`;

const CHANGED = "hotdesk:view";

function read(): View {
  const query = new URLSearchParams(window.location.search);
  const agent = query.get("agent");
  if (agent) return `agent:${agent}`;
  const view = query.get("view");
  return view === "overview" || view === "whiteboard" || view === "summary" ? view : "auto";
}

function subscribe(listener: () => void) {
  window.addEventListener("popstate", listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(CHANGED, listener);
  };
}

export function useView(): [View, (view: View) => void] {
  const view = useSyncExternalStore(subscribe, read, () => "auto" as const);
  const show = useCallback((next: View) => {
    if (next === read()) return;
    const query = next === "auto" ? "" : next.startsWith("agent:") ? `?agent=${encodeURIComponent(next.slice(6))}` : `?view=${next}`;
    window.history.pushState(null, "", `${window.location.pathname}${query}`);
    window.dispatchEvent(new Event(CHANGED));
  }, []);
  return [view, show];
}
