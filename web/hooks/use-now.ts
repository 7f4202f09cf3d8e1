"use client";

import { useEffect, useState } from "react";

/** Seconds since the epoch, ticking while `ticking`. */
export function useNow(ticking = true, everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (!ticking) return;
    setNow(Date.now() / 1000);
    const timer = setInterval(() => setNow(Date.now() / 1000), everyMs);
    return () => clearInterval(timer);
  }, [ticking, everyMs]);
  return now;
}
