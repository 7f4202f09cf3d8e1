import { ClipboardListIcon } from "lucide-react";
import { Message } from "@/components/shell/message";

/** A whiteboard with nothing on it. */
export function NoTasks({ complete }: { complete: boolean }) {
  return (
    <Message icon={ClipboardListIcon} title={complete ? "There are no tasks" : "The plan is being made"}>
      {complete
        ? "The session ended before anything was planned."
        : "The orchestrator reads the prompt and breaks it into tasks; they appear here."}
    </Message>
  );
}
