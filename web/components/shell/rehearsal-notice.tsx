import { FlaskConicalIcon } from "lucide-react";
import { cn } from "@/lib/utils";

/** Says plainly that no model is at work, and how to give a key: the server's own words. */
export function RehearsalNotice({ notice, className }: { notice: string; className?: string }) {
  return (
    <p
      data-testid="rehearsal-notice"
      className={cn(
        "flex items-start gap-2.5 rounded-lg border border-warn/30 bg-warn/6 px-3.5 py-2.5 text-[13px] leading-relaxed",
        className,
      )}
    >
      <FlaskConicalIcon className="mt-[3px] size-4 shrink-0 text-warn" aria-hidden="true" />
      <span className="min-w-0">
        {sentences(notice).map((sentence) => (
          <span key={sentence} className="block break-words">
            {sentence}
          </span>
        ))}
      </span>
    </p>
  );
}

function sentences(text: string): string[] {
  return text.split(/(?<=[.!?])\s+(?=[A-Z])/);
}
