"use client";

import { type RefObject, useEffect, useRef, useState } from "react";
import { Screen, type ScreenState } from "@/lib/screen";

/** Streams `url` into the element; null lets go of the stream. */
export function useScreen(
  host: RefObject<HTMLElement | null>,
  { url, viewOnly, quality }: { url: string | null; viewOnly: boolean; quality: number },
): [ScreenState, RefObject<Screen | null>] {
  const [state, setState] = useState<ScreenState>("off");
  const screen = useRef<Screen | null>(null);

  useEffect(() => {
    if (!host.current) return;
    const mine = new Screen(host.current, setState, (text) => {
      navigator.clipboard?.writeText(text).catch(() => {
        // The browser wants the person's permission for it; the desk keeps its clipboard either way.
      });
    });
    screen.current = mine;
    return () => {
      mine.close();
      screen.current = null;
    };
  }, [host]);

  useEffect(() => {
    if (url === null) screen.current?.rest();
    else screen.current?.open(url, { viewOnly, quality });
  }, [url, viewOnly, quality]);

  return [state, screen];
}
