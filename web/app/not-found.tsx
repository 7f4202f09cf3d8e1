import { CompassIcon } from "lucide-react";
import { Message } from "@/components/shell/message";
import { buttonVariants } from "@/components/ui/button";

export default function NotFound() {
  return (
    <main className="grid min-h-dvh place-items-center">
      <h1 className="sr-only">Not found</h1>
      <Message
        icon={CompassIcon}
        title="There is nothing at this address"
        action={
          <a href="/" className={buttonVariants({ variant: "outline", size: "sm" })}>
            Go to the start
          </a>
        }
      >
        The page may have moved, or the address is incomplete.
      </Message>
    </main>
  );
}
