/** Light, dark or as the system says: kept in this browser, set before the first paint by `THEME_SCRIPT`. */
export type Theme = "light" | "dark" | "system";

const KEY = "hotdesk.theme";

export const THEME_SCRIPT = `(function(){try{var t=localStorage.getItem("${KEY}");var d=t==="dark"||(t!=="light"&&matchMedia("(prefers-color-scheme: dark)").matches);document.documentElement.classList.toggle("dark",d)}catch(e){}})()`;

const listeners = new Set<() => void>();

export function readTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

export function setTheme(theme: Theme): void {
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // A browser that keeps nothing still shows the theme until it is closed.
  }
  show(theme);
  for (const listener of listeners) listener();
}

function show(theme: Theme): void {
  const dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
}

/** Follows the system's own change, and a change made in another tab. */
export function watchTheme(listener: () => void): () => void {
  const changed = () => {
    show(readTheme());
    listener();
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  window.addEventListener("storage", changed);
  listeners.add(listener);
  return () => {
    system.removeEventListener("change", changed);
    window.removeEventListener("storage", changed);
    listeners.delete(listener);
  };
}
