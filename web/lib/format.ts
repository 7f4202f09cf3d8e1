/** Numbers and times in the words a person reads. */

/** «8 s», «2 min 05 s», «1 h 04 min». */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** «0:08», «12:05», «1:04:09»: for a clock that ticks. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  if (hours > 0) parts.unshift(hours);
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ["kB", "MB", "GB"];
  let value = count;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function timeOfDay(at: number): string {
  return new Date(at * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function ago(at: number, now: number): string {
  const seconds = Math.max(0, now - at);
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  if (seconds < 7 * 86400) return plural(Math.round(seconds / 86400), "day ago", "days ago");
  return new Date(at * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

export function milliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function many(count: number): string {
  if (count < 1000) return String(count);
  const [value, unit] = count < 999_500 ? [count / 1000, "k"] : [count / 1_000_000, "M"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}`;
}

interface Spent {
  calls: number;
  input: number;
  cached: number;
  output: number;
  dollars: number;
  unpriced: number;
}

/** What model calls have taken: in dollars where the price is known («$0.42», «$0.42+» if not of all), else in tokens. Null before the first. */
export function spending({ calls, input, output, dollars, unpriced }: Spent): string | null {
  if (calls === 0) return null;
  if (unpriced === calls) return `${many(input + output)} tokens`;
  return `${money(dollars)}${unpriced > 0 ? "+" : ""}`;
}

function money(dollars: number): string {
  if (dollars > 0 && dollars < 0.00005) return "<$0.0001";
  return `$${dollars >= 0.00995 || dollars === 0 ? dollars.toFixed(2) : dollars.toFixed(4)}`;
}

export function spendingInFull({ calls, input, cached, output, unpriced }: Spent): string {
  const price = unpriced > 0 ? `; the price of ${plural(unpriced, "call")} is not known` : "";
  return `${plural(calls, "model call")}: ${many(input)} tokens in (${many(cached)} of them cached), ${many(output)} out${price}`;
}

type Call = Pick<Spent, "input" | "cached" | "output"> & { model: string; dollars?: number | null };

/** What one step's model calls took: tokens and dollars, each «unknown» where nobody said. Null if no model was called. */
export function stepSpending(calls: readonly Call[]): { tokens: string; price: string } | null {
  if (calls.length === 0) return null;
  const tokens = calls.reduce((sum, { input, output }) => sum + input + output, 0);
  const priced = calls.flatMap(({ dollars }) => dollars ?? []);
  const known = `${money(priced.reduce((sum, dollars) => sum + dollars, 0))}${priced.length < calls.length ? "+" : ""}`;
  return { tokens: tokens > 0 ? many(tokens) : "unknown", price: priced.length > 0 ? known : "unknown" };
}

export function callInFull({ model, input, cached, output, dollars }: Call): string {
  const tokens = input + output > 0 ? `${many(input)} tokens in (${many(cached)} of them cached), ${many(output)} out` : "tokens unknown";
  return `${model}: ${tokens}, ${dollars == null ? "price unknown" : money(dollars)}`;
}
