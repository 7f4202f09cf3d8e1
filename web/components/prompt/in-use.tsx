import { BrainIcon, MonitorIcon, RouteIcon } from "lucide-react";
import { Skeleton } from "@/components/ui/skeleton";
import type { About } from "@/lib/api";

/** Which planner, brain and desks are in use. */
export function InUse({ about }: { about: About | null }) {
  if (!about) return <Skeleton className="h-5 w-72 max-w-full" />;
  const parts = [
    { icon: RouteIcon, what: "Planner", label: about.planner.label, why: about.planner.why },
    { icon: BrainIcon, what: "Brain", label: about.brain.label, why: about.brain.why },
    { icon: MonitorIcon, what: "Desks", label: about.desks.label, why: about.desks.why },
  ];
  return (
    <dl className="flex flex-wrap items-center gap-x-5 gap-y-1.5 text-xs">
      {parts.map(({ icon: Icon, what, label, why }) => (
        <div key={what} className="flex min-w-0 items-center gap-1.5">
          <Icon className="size-3.5 shrink-0 text-muted-foreground" aria-hidden="true" />
          <dt className="text-muted-foreground">{what}</dt>
          <dd className="min-w-0 truncate font-medium" title={why}>
            {label}
          </dd>
        </div>
      ))}
    </dl>
  );
}
