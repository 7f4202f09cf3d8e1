import { cn } from "@/lib/utils";

/** More than this many buttons in a row are no help. */
const MOST_BUTTONS = 8;

/** How many agents at most: a row of radio buttons, worked by the arrow keys like any. */
export function AgentCount({ value, max, onChange }: { value: number; max: number; onChange: (count: number) => void }) {
  return (
    <fieldset data-testid="agents-count" className="flex items-center gap-2">
      <legend className="sr-only">Number of agents</legend>
      <span className="text-muted-foreground text-xs" aria-hidden="true">
        Agents
      </span>
      {max > MOST_BUTTONS ? (
        <input
          type="number"
          min={1}
          max={max}
          value={value}
          aria-label={`Number of agents, at most ${max}`}
          onChange={(event) => onChange(Math.min(max, Math.max(1, Math.round(Number(event.target.value)) || 1)))}
          className="h-8 w-16 rounded-md border border-input bg-card px-2 text-sm tabular-nums"
        />
      ) : (
        <div className="flex rounded-md bg-muted p-0.5">
          {Array.from({ length: max }, (_, index) => index + 1).map((count) => (
            <label
              key={count}
              className={cn(
                "relative flex h-7 min-w-7 cursor-pointer items-center justify-center rounded-[5px] px-1 font-medium text-xs tabular-nums transition-colors has-focus-visible:outline-2 has-focus-visible:outline-ring has-focus-visible:outline-offset-1",
                count === value ? "bg-card text-foreground shadow-xs" : "text-muted-foreground hover:text-foreground",
              )}
            >
              <input
                type="radio"
                name="agents"
                value={count}
                checked={count === value}
                onChange={() => onChange(count)}
                aria-label={count === 1 ? "1 agent" : `${count} agents`}
                className="absolute inset-0 cursor-pointer opacity-0"
              />
              <span aria-hidden="true">{count}</span>
            </label>
          ))}
        </div>
      )}
    </fieldset>
  );
}
