/** This browser tab: its name towards the server, and the secrets of the desks it has taken over. Both survive a reload. */
const TAB = "hotdesk.tab";

let unkept: string | undefined;

export function tabName(): string {
  const fresh = () => `tab-${Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  try {
    const kept = sessionStorage.getItem(TAB);
    if (kept) return kept;
    const name = fresh();
    sessionStorage.setItem(TAB, name);
    return name;
  } catch {
    unkept ??= fresh();
    return unkept;
  }
}

const key = (session: string, agent: string) => `hotdesk.control.${session}.${agent}`;

export function keptControl(session: string, agent: string): string | null {
  try {
    return sessionStorage.getItem(key(session, agent));
  } catch {
    return null;
  }
}

export function keepControl(session: string, agent: string, control: string | null): void {
  try {
    if (control === null) sessionStorage.removeItem(key(session, agent));
    else sessionStorage.setItem(key(session, agent), control);
  } catch {
    // Then a reload loses the takeover; it can be taken again.
  }
}
