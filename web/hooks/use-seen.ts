"use client";

import { type RefObject, useEffect, useState, useSyncExternalStore } from "react";

function subscribe(listener: () => void) {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}

/** Is this browser tab in front? */
export function usePageShown(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => document.visibilityState !== "hidden",
    () => true,
  );
}

/** How long something counts as seen after it went out of sight: a glance elsewhere is no reason to let go of anything. */
const GRACE_MS = 2000;

/** Does somebody look at the element? It is on the screen, or nearly, of a tab that is in front; or was a moment ago. */
export function useSeen(ref: RefObject<Element | null>): boolean {
  const onScreen = useOnScreen(ref);
  const inSight = usePageShown() && onScreen;
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (inSight) return setSeen(true);
    const timer = setTimeout(() => setSeen(false), GRACE_MS);
    return () => clearTimeout(timer);
  }, [inSight]);
  return inSight || seen;
}

function useOnScreen(ref: RefObject<Element | null>): boolean {
  const [onScreen, setOnScreen] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new IntersectionObserver((entries) => setOnScreen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: "120px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return onScreen;
}
