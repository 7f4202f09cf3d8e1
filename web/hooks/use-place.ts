"use client";

import { useSyncExternalStore } from "react";

/** Where in the page a person is, by the address; going elsewhere costs no new document. */
const MOVED = "hotdesk:place";

function subscribe(listener: () => void) {
  window.addEventListener("popstate", listener);
  window.addEventListener(MOVED, listener);
  return () => {
    window.removeEventListener("popstate", listener);
    window.removeEventListener(MOVED, listener);
  };
}

export function usePlace(): string {
  return useSyncExternalStore(
    subscribe,
    () => window.location.pathname,
    () => "/",
  );
}

export function goTo(path: string): void {
  window.history.pushState(null, "", path);
  window.dispatchEvent(new Event(MOVED));
  window.scrollTo(0, 0);
}
