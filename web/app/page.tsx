import { Places } from "@/components/shell/places";

export default function Page() {
  return <Places />;
}
