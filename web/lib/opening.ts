/**
 * What a session's page shows first: the whiteboard as it stood some hundred events ago, and the events since.
 *
 * The document itself asks for it (`OPENING_SCRIPT`, before any of our code has come), so that it is here when the page can show it.
 */
import { api } from "./api";
import type { Schemas } from "./events";

export type Opening = Schemas["Opening"];

type Early = { session: string; answer: Promise<Opening | null> };

declare global {
  interface Window {
    hotdeskOpening?: Early | undefined;
  }
}

export const OPENING_SCRIPT = `(function(){try{var m=/^\\/session\\/([^/]+)\\/?$/.exec(location.pathname);if(!m)return;var s=decodeURIComponent(m[1]);window.hotdeskOpening={session:s,answer:fetch("/api/sessions/"+encodeURIComponent(s)+"/opening",{headers:{accept:"application/json"}}).then(function(r){return r.ok?r.json():null}).catch(function(){return null})}}catch(e){}})()`;

/** The opening of a session, null if it cannot be had: what was asked for early serves once, for it grows old. */
export function openingOf(session: string): Promise<Opening | null> {
  const early = window.hotdeskOpening;
  window.hotdeskOpening = undefined;
  return early?.session === session ? early.answer : api.opening(session).catch(() => null);
}
