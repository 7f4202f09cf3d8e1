"use client";

import { MonitorIcon, MoonIcon, SunIcon } from "lucide-react";
import { useSyncExternalStore } from "react";
import { Button } from "@/components/ui/button";
import { readTheme, setTheme, type Theme, watchTheme } from "@/lib/theme";

const next: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const words: Record<Theme, string> = { system: "as the system", light: "light", dark: "dark" };

/** One button through light, dark and the system's own. */
export function ThemeToggle() {
  const theme = useSyncExternalStore(watchTheme, readTheme, () => "system" as const);
  const Icon = theme === "light" ? SunIcon : theme === "dark" ? MoonIcon : MonitorIcon;
  const label = `Theme: ${words[theme]}. Switch to ${words[next[theme]]}`;
  return (
    <Button variant="ghost" size="iconSm" data-testid="theme-toggle" aria-label={label} title={label} onClick={() => setTheme(next[theme])}>
      <Icon className="text-muted-foreground" aria-hidden="true" />
    </Button>
  );
}
