import type { Metadata } from "next";
import { SessionPage } from "@/components/session/session-page";

export const metadata: Metadata = { title: "Session – Hotdesk" };

export default function Page() {
  return <SessionPage />;
}
