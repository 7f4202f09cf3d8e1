"use client";

import { useSyncExternalStore } from "react";

const nothing = () => () => {};

/** The session named in the address; null while the page is still the static file, "" if the address names none. */
export function useSessionId(): string | null {
  return useSyncExternalStore(
    nothing,
    () => {
      const [, encoded = ""] = /^\/session\/([^/]+)\/?$/.exec(window.location.pathname) ?? [];
      try {
        return decodeURIComponent(encoded);
      } catch {
        return "";
      }
    },
    () => null,
  );
}
