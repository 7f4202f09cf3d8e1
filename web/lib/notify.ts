/** Short messages to the person: `toast` (its id, for `dismiss`) is seen and heard, `announce` is only heard (a polite live region). */
import { createStore } from "zustand/vanilla";

export interface Toast {
  id: number;
  text: string;
  tone: "plain" | "bad";
  action?: { label: string; run: () => void };
}

const TOAST_MS = 7000;

export const notices = createStore<{ toasts: Toast[]; heard: string }>(() => ({ toasts: [], heard: "" }));

let count = 0;

export function toast(text: string, options: { tone?: Toast["tone"]; action?: Toast["action"] } = {}): number {
  const id = ++count;
  notices.setState(({ toasts }) => ({
    toasts: [...toasts.filter((other) => other.text !== text).slice(-2), { id, text, tone: "plain", ...options }],
  }));
  setTimeout(() => dismiss(id), TOAST_MS);
  return id;
}

export function dismiss(id: number): void {
  notices.setState(({ toasts }) => ({ toasts: toasts.filter((other) => other.id !== id) }));
}

export function announce(text: string): void {
  notices.setState({ heard: text });
}
