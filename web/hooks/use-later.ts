"use client";

import { type ComponentType, useEffect, useState } from "react";

/** A component whose code is fetched when it is first asked for. */
export class Later<P> {
  loaded: ComponentType<P> | null = null;
  private coming: Promise<void> | null = null;

  constructor(private readonly load: () => Promise<ComponentType<P>>) {}

  /** Fetch it. What could not be fetched can be asked for again. */
  fetch(): Promise<void> {
    this.coming ??= this.load().then(
      (component) => {
        this.loaded = component;
      },
      () => {
        this.coming = null;
      },
    );
    return this.coming;
  }
}

/**
 * The component, null until it is there. Unlike `lazy`'s it is shown at once if it is there already, and the moment it comes if not: React
 * holds back what was suspended, however shortly, for a third of a second.
 */
export function useLater<P>(later: Later<P>): ComponentType<P> | null {
  const [component, setComponent] = useState(() => later.loaded);
  useEffect(() => {
    if (component) return;
    let gone = false;
    void later.fetch().then(() => !gone && setComponent(() => later.loaded));
    return () => {
      gone = true;
    };
  }, [component, later]);
  return component;
}
