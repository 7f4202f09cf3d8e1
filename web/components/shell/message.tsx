import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

/** An empty, failed or waiting place, said in a heading and a sentence. */
export function Message({
  icon: Icon,
  title,
  children,
  action,
  className,
}: {
  icon: LucideIcon;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  className?: string;
}) {
  return (
    <div className={cn("mx-auto flex max-w-md flex-col items-center gap-3 px-6 py-12 text-center", className)}>
      <div className="flex size-11 items-center justify-center rounded-xl border bg-card text-muted-foreground shadow-xs">
        <Icon className="size-5" aria-hidden="true" />
      </div>
      <h2 className="font-semibold text-base tracking-tight">{title}</h2>
      {children && <div className="text-pretty text-muted-foreground text-sm leading-relaxed">{children}</div>}
      {action}
    </div>
  );
}
