import type { About, Choices } from "@/lib/api";

const parts = [
  { part: "planner", word: "Planner", hint: "Breaks the prompt into tasks" },
  { part: "brain", word: "Brain", hint: "Thinks for the agents" },
] as const;

const field =
  "mt-1 block h-9 w-full rounded-md border border-input bg-card px-2.5 text-sm outline-none placeholder:text-muted-foreground focus-visible:border-ring focus-visible:ring-3 focus-visible:ring-ring/20";

/** Other models for this one session (any name that the settings take, the likely ones suggested), and other desks where there are some. */
export function OtherChoices({ about, value, onChange }: { about: About; value: Choices; onChange: (choices: Choices) => void }) {
  const desks = about.desk_choices.length > 1;
  const other = Object.values(value).some(Boolean);
  return (
    <details className="group mt-3 px-1 text-xs" open={other || undefined}>
      <summary className="w-fit cursor-pointer select-none rounded-sm text-muted-foreground hover:text-foreground">
        {desks ? "Other models or desks for this session" : "Other models for this session"}
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
              className={field}
            />
          </label>
        ))}
        {desks && (
          <label className="block">
            <span className="font-medium">Desks</span> <span className="text-muted-foreground">Where the agents work</span>
            <select
              data-testid="choose-desks"
              value={value.desks ?? about.desks.name}
              onChange={(event) => onChange({ ...value, desks: event.target.value === about.desks.name ? undefined : event.target.value })}
              className={field}
            >
              {about.desk_choices.map(({ name, label }) => (
                <option key={name} value={name}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      <datalist id="models">
        {about.choices.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </details>
  );
}
