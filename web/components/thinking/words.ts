import {
  AppWindowIcon,
  CameraIcon,
  CheckIcon,
  CircleDotIcon,
  CommandIcon,
  FileIcon,
  FilePenIcon,
  FlagIcon,
  FolderIcon,
  GlobeIcon,
  HandIcon,
  HourglassIcon,
  KeyboardIcon,
  type LucideIcon,
  MessageCircleQuestionIcon,
  MessageSquareIcon,
  MonitorCheckIcon,
  MonitorOffIcon,
  MouseIcon,
  MousePointerClickIcon,
  MoveIcon,
  PauseIcon,
  PlayIcon,
  PlugIcon,
  TerminalIcon,
  TriangleAlertIcon,
  Undo2Icon,
  UserPlusIcon,
  XIcon,
  ZoomInIcon,
} from "lucide-react";
import type { NoteEvent } from "@/lib/agent-log";
import { taskTitle } from "@/lib/agents";
import type { EventOf } from "@/lib/events";
import { bytes } from "@/lib/format";
import type { Whiteboard } from "@/lib/whiteboard";

export interface Note {
  icon: LucideIcon;
  text: string;
  /** What was said, in the speaker's own words. */
  quote?: string;
  tone: "plain" | "good" | "bad" | "person" | "task";
}

/** What happened around the steps, in words. */
export function noteOf(event: NoteEvent, board: Whiteboard): Note {
  switch (event.type) {
    case "agent:hired":
      return { icon: UserPlusIcon, text: "Joined the session", tone: "plain" };
    case "agent:ready":
      return { icon: MonitorCheckIcon, text: `Desk open after ${event.seconds.toFixed(1)} s`, tone: "plain" };
    case "agent:paused":
      return { icon: PauseIcon, text: "Paused by a person", tone: "person" };
    case "agent:resumed":
      return { icon: PlayIcon, text: "Resumed by a person", tone: "person" };
    case "agent:steered":
      return { icon: MessageSquareIcon, text: "Told by a person", quote: event.text, tone: "person" };
    case "agent:taken":
      return { icon: HandIcon, text: "A person took the desk over", tone: "person" };
    case "agent:released":
      return { icon: Undo2Icon, text: "The desk was handed back", tone: "person" };
    case "agent:asked":
      return { icon: MessageCircleQuestionIcon, text: "Asks a person", quote: event.text, tone: "person" };
    case "agent:answered":
      return { icon: MessageSquareIcon, text: "A person answered", quote: event.text, tone: "person" };
    case "agent:lost":
      return { icon: TriangleAlertIcon, text: "The agent was lost", quote: event.reason, tone: "bad" };
    case "agent:terminated":
      return { icon: MonitorOffIcon, text: "Done; the desk is gone", tone: "plain" };
    case "task:assigned":
      return {
        icon: FlagIcon,
        text: `${taskTitle(board, event.task) || event.task}${event.attempt > 1 ? ` (attempt ${event.attempt})` : ""}`,
        tone: "task",
      };
    case "task:completed":
      return { icon: CheckIcon, text: "Task done", quote: event.result, tone: "good" };
    case "task:failed":
      return { icon: XIcon, text: "This attempt failed", quote: event.reason, tone: "bad" };
    case "artifact:saved":
      return { icon: FileIcon, text: `Saved ${event.name} (${bytes(event.bytes)})`, tone: "good" };
  }
}

/** By what was done, or by the tool that did it. */
const icons: Record<string, LucideIcon> = {
  left_click: MousePointerClickIcon,
  double_click: MousePointerClickIcon,
  right_click: MousePointerClickIcon,
  middle_click: MousePointerClickIcon,
  move: MoveIcon,
  drag: MoveIcon,
  scroll: MouseIcon,
  write: KeyboardIcon,
  press: CommandIcon,
  wait: HourglassIcon,
  look: CameraIcon,
  screenshot: CameraIcon,
  zoom: ZoomInIcon,
  launch: AppWindowIcon,
  open: GlobeIcon,
  run: TerminalIcon,
  read_file: FileIcon,
  write_file: FilePenIcon,
  list_files: FolderIcon,
};

export function stepIcon(line: EventOf<"agent:thinking">): LucideIcon {
  if (line.error) return TriangleAlertIcon;
  if (line.tool.includes("__")) return PlugIcon;
  return icons[String(line.actions.at(0)?.do ?? "")] ?? icons[line.tool] ?? CircleDotIcon;
}
