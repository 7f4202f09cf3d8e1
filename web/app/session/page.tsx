import type { Metadata } from "next";
import { SessionPage } from "@/components/session/session-page";
import { OPENING_SCRIPT } from "@/lib/opening";

export const metadata: Metadata = { title: "Session – Hotdesk" };

export default function Page() {
  return (
    <>
      {/* biome-ignore lint/security/noDangerouslySetInnerHtml: our own constant; it asks for the session before our code has come */}
      <script dangerouslySetInnerHTML={{ __html: OPENING_SCRIPT }} />
      <SessionPage />
    </>
  );
}
