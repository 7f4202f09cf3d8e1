import { BrainIcon, MonitorIcon, RouteIcon } from "lucide-react";
import { Skeleton } from "@/components/ui/skeleton";
import type { About } from "@/lib/api";

const parts = [
  { part: "planner", icon: RouteIcon, what: "Planner" },
  { part: "brain", icon: BrainIcon, what: "Brain" },
  { part: "desks", icon: MonitorIcon, what: "Desks" },
] as const;

/** Which planner, brain and desks are in use, and why. */
export function InUse({ about }: { about: About | null }) {
  return (
    <dl data-testid="in-use" className="flex flex-col gap-2 text-xs leading-4.5">
      {parts.map(({ part, icon: Icon, what }) => (
        <div key={part} className="flex items-start gap-2">
          <Icon className="mt-px size-4 shrink-0 text-muted-foreground" aria-hidden="true" />
          <dt className="w-11.5 shrink-0 text-muted-foreground">{what}</dt>
          <dd className="min-w-0 flex-1 break-words text-muted-foreground">
            {about ? (
              <>
                <span className="font-medium text-foreground">{about[part].label}</span>
                {about[part].why && (
                  <>
                    <span aria-hidden="true"> – </span>
                    <span data-testid={`why-${part}`}>{about[part].why}</span>
                  </>
                )}
              </>
            ) : (
              <Skeleton className="h-4.5 w-3/5" />
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
