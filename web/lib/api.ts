/** The HTTP calls of the page. Every failure is an `ApiError` whose message is a sentence that can be shown. */
import type { Schemas } from "./events";

export type About = Schemas["About"];
export type SessionCard = Schemas["SessionCard"];
export type Problem = Schemas["Problem"];

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(problem: Partial<Problem>) {
    super(explain(problem));
    this.name = "ApiError";
    this.status = problem.status ?? 0;
    this.code = problem.code ?? "";
  }
}

export function explain(problem: Partial<Problem>): string {
  const said = problem.detail || problem.title || "The server refused without saying why.";
  if (problem.status !== 401 || /[?&]token=/.test(said)) return said;
  return `${said} Open this server once as /?token=TOKEN with the token it printed when it started.`;
}

export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : "Something went wrong in this page. Reload it and try again.";
}

async function call(path: string, init?: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError({
      status: 0,
      code: "unreachable",
      detail: "The Hotdesk server does not answer. Check that it is running, then try again.",
    });
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => null);
  throw new ApiError({ status: answer.status, title: `The server answered ${answer.status}.`, ...(problem as Partial<Problem> | null) });
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call(path, { signal: signal ?? null, headers: { accept: "application/json" } })).json();
}

function post(path: string, body?: unknown): Promise<Response> {
  return call(path, {
    method: "POST",
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

const at = (session: string) => `/api/sessions/${encodeURIComponent(session)}`;
const agentAt = (session: string, agent: string) => `${at(session)}/agents/${encodeURIComponent(agent)}`;

/** Who plans and who thinks for one session, by name; what is left out is as the server has it. */
export type Choices = { planner?: string; brain?: string; desks?: string };

export const api = {
  about: (signal?: AbortSignal) => get<About>("/api/about", signal),
  sessions: async (signal?: AbortSignal) => (await get<Schemas["SessionList"]>("/api/sessions", signal)).sessions,
  session: (session: string) => get<Schemas["Whiteboard"]>(at(session)),
  opening: (session: string) => get<Schemas["Opening"]>(`${at(session)}/opening`),
  /** The events up to the number `until`. */
  earlier: async (session: string, until: number) => (await get<Schemas["Events"]>(`${at(session)}/events?until=${until}`)).events,
  start: async (prompt: string, agents: number, choices: Choices = {}) =>
    (await (await post("/api/sessions", { prompt, agents, ...choices })).json()) as Schemas["SessionId"],
  stop: (session: string) => post(`${at(session)}/stop`),
  pause: (session: string, agent: string) => post(`${agentAt(session, agent)}/pause`),
  resume: (session: string, agent: string) => post(`${agentAt(session, agent)}/resume`),
  steer: (session: string, agent: string, text: string) => post(`${agentAt(session, agent)}/steer`, { text }),
  take: async (session: string, agent: string, by: string, steal: boolean) =>
    (await (await post(`${agentAt(session, agent)}/take`, { by, steal })).json()) as Schemas["Taken"],
  release: (session: string, agent: string, control: string) => post(`${agentAt(session, agent)}/release`, { control }),
  artifactText: async (session: string, artifact: string) => (await call(urls.artifact(session, artifact))).text(),
};

export const urls = {
  session: (session: string) => `/session/${encodeURIComponent(session)}/`,
  artifact: (session: string, artifact: string, inline = false) =>
    `${at(session)}/artifacts/${encodeURIComponent(artifact)}${inline ? "?inline=1" : ""}`,
  allArtifacts: (session: string) => `${at(session)}/artifacts.zip`,
  frame: (session: string, hash: string) => `${at(session)}/frames/${encodeURIComponent(hash)}`,
  screen: (session: string, agent: string, control: string | null) => {
    const url = new URL(`${agentAt(session, agent)}/screen`, window.location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = control ? `?control=${encodeURIComponent(control)}` : "";
    return url.href;
  },
};
