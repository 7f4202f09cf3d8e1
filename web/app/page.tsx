import { Home } from "@/components/prompt/home";

export default function Page() {
  return <Home />;
}
