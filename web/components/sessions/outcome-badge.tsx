import { Badge, type Tone } from "@/components/ui/badge";
import type { Schemas } from "@/lib/events";

type Status = Schemas["SessionCard"]["status"];
type Outcome = Schemas["SessionCard"]["outcome"];

const running: Record<Exclude<Status, "complete">, { word: string; tone: Tone }> = {
  planning: { word: "Planning", tone: "primary" },
  running: { word: "Running", tone: "primary" },
  stopping: { word: "Stopping", tone: "warn" },
};

const ended: Record<NonNullable<Outcome>, { word: string; tone: Tone }> = {
  completed: { word: "Done", tone: "good" },
  failed: { word: "Partly done", tone: "bad" },
  stopped: { word: "Stopped", tone: "plain" },
  interrupted: { word: "Interrupted", tone: "warn" },
};

/** A session's state in a word. `failed` is honest about having done some, none or not all of it. */
export function OutcomeBadge({ status, outcome, completed }: { status: Status; outcome?: Outcome; completed: number }) {
  const live = status !== "complete";
  const { word, tone } = live ? running[status] : ended[outcome ?? "interrupted"];
  return (
    <Badge tone={tone}>
      {live && <span className="size-1.5 animate-breathe rounded-full bg-current" aria-hidden="true" />}
      {outcome === "failed" && completed === 0 ? "Failed" : word}
    </Badge>
  );
}
