import { Skeleton } from "@/components/ui/skeleton";

/** Prompts to begin from; picking one fills the input, it does not start anything. */
export function Examples({ examples, onPick }: { examples: readonly string[] | null; onPick: (example: string) => void }) {
  return (
    <div className="mt-5 min-h-[7.625rem]">
      <h2 className="mb-2 px-1 font-medium text-muted-foreground text-xs">Try one of these</h2>
      {examples === null ? (
        <div className="flex flex-col gap-2">
          {["w-4/5", "w-3/5", "w-2/3"].map((width) => (
            <Skeleton key={width} className={`h-6 ${width}`} />
          ))}
        </div>
      ) : (
        <ul className="-mx-1.5 flex flex-col">
          {examples.slice(0, 4).map((example) => (
            <li key={example}>
              <button
                type="button"
                dir="auto"
                title={example}
                onClick={() => onPick(example)}
                className="group flex w-full items-center gap-2 rounded-lg px-2.5 py-1.5 text-left text-[13.5px] text-foreground/85 transition-colors hover:bg-accent hover:text-foreground"
              >
                <span aria-hidden="true" className="text-muted-foreground transition-transform group-hover:translate-x-0.5">
                  →
                </span>
                <span className="min-w-0 truncate">{example}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
