"use client";

import { type RefObject, useEffect, useState } from "react";

/** noVNC's 0–9, by the share of the desk's own pixels that the person can see: what is shown small needs no better picture. */
const qualityOf = (share: number) => (share < 0.5 ? 3 : share < 0.85 ? 6 : 8);

/** How good a picture `width` pixels wide needs to be in this element. */
export function useQuality(ref: RefObject<Element | null>, width: number): number {
  const [quality, setQuality] = useState(3);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setQuality(qualityOf((element.clientWidth * window.devicePixelRatio) / width)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref, width]);
  return quality;
}
