import type { About, Models } from "@/lib/api";

const parts = [
  { part: "planner", word: "Planner", hint: "Breaks the prompt into tasks" },
  { part: "brain", word: "Brain", hint: "Thinks for the agents" },
] as const;

/** Other models for this one session: any name that the settings take, the likely ones suggested. */
export function ModelChoice({ about, value, onChange }: { about: About; value: Models; onChange: (models: Models) => void }) {
  const other = Object.values(value).some(Boolean);
  return (
    <details className="group mt-3 px-1 text-xs" open={other || undefined}>
      <summary className="w-fit cursor-pointer select-none rounded-sm text-muted-foreground hover:text-foreground">
        Other models for this session
      </summary>
      <div className="mt-2.5 grid gap-3 sm:grid-cols-2">
        {parts.map(({ part, word, hint }) => (
          <label key={part} className="block">
            <span className="font-medium">{word}</span> <span className="text-muted-foreground">{hint}</span>
            <input
              data-testid={`choose-${part}`}
              list="models"
              value={value[part] ?? ""}
              onChange={(event) => onChange({ ...value, [part]: event.target.value.trim() || undefined })}
              placeholder={about[part].name}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              className="mt-1 block h-9 w-full rounded-md border border-input bg-card px-2.5 text-sm outline-none placeholder:text-muted-foreground focus-visible:border-ring focus-visible:ring-3 focus-visible:ring-ring/20"
            />
          </label>
        ))}
      </div>
      <datalist id="models">
        {about.choices.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </details>
  );
}
