/**
 * Every event of a session's log, as the server describes it: the shapes are generated (`npm run generate`), never written here.
 * The one list of their names is held complete by the compiler: a name added on the server breaks the build until it is here too.
 */
import type { components } from "./generated/api";

export type Schemas = components["schemas"];
export type AnyEvent = Schemas["Events"]["events"][number];
export type EventType = AnyEvent["type"];
export type EventOf<T extends EventType> = Extract<AnyEvent, { type: T }>;

const names = {
  "session:created": true,
  "session:planned": true,
  "session:spent": true,
  "session:stopping": true,
  "session:complete": true,
  "task:created": true,
  "task:assigned": true,
  "task:completed": true,
  "task:failed": true,
  "task:changed": true,
  "task:dropped": true,
  "task:abandoned": true,
  "agent:hired": true,
  "desk:created": true,
  "agent:ready": true,
  "agent:thinking": true,
  "agent:reasoning": true,
  "agent:spent": true,
  "agent:paused": true,
  "agent:resumed": true,
  "agent:steered": true,
  "agent:taken": true,
  "agent:released": true,
  "agent:asked": true,
  "agent:answered": true,
  "agent:dismissed": true,
  "agent:lost": true,
  "agent:terminated": true,
  "artifact:saved": true,
} as const satisfies Record<EventType, true>;

export const EVENT_TYPES = Object.keys(names) as EventType[];
