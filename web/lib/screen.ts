/**
 * One desk's screen in an element: an RFB connection that comes back by itself.
 *
 * `open` to another address (with or without control) keeps the picture of the connection before until the new one has its own, so that
 * taking over does not flash. `rest` lets go of the stream and keeps its last picture, `forget` lets go of that; `close` of everything.
 */
import type RFB from "@novnc/novnc";

export type ScreenState = "off" | "connecting" | "live" | "reconnecting";
export interface ScreenOptions {
  viewOnly: boolean;
  /** noVNC's 0–9. */
  quality: number;
}

/** The first picture follows the handshake at once; the connection before stays in front for this long. */
const FIRST_PICTURE_MS = 180;
const BACKOFF_MS = [400, 800, 1500, 3000, 6000];
/** X keysyms of the modifiers that may be held when the keyboard is released. */
const MODIFIERS: [number, string][] = [
  [0xffe1, "ShiftLeft"],
  [0xffe2, "ShiftRight"],
  [0xffe3, "ControlLeft"],
  [0xffe4, "ControlRight"],
  [0xffe9, "AltLeft"],
  [0xffea, "AltRight"],
  [0xffeb, "MetaLeft"],
];

interface Line {
  socket: WebSocket;
  /** There once the WebSocket is open. */
  rfb: RFB | null;
  connected: boolean;
  mount: HTMLDivElement;
  canvas: HTMLCanvasElement | null;
}

export class Screen {
  private front: Line | null = null;
  private next: Line | null = null;
  private url: string | null = null;
  private options: ScreenOptions = { viewOnly: true, quality: 6 };
  /** The last picture of a connection that is no more, until there is another. */
  private ghost: HTMLCanvasElement | null = null;
  private attempt = 0;
  private turn = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: HTMLElement,
    private readonly onState: (state: ScreenState) => void,
    private readonly onClipboard: (text: string) => void = () => {},
  ) {}

  open(url: string, options: ScreenOptions): void {
    this.options = options;
    this.tune();
    if (this.url === url) return;
    this.url = url;
    this.attempt = 0;
    if (this.front?.rfb) this.front.rfb.viewOnly = true;
    this.drop("next");
    this.onState(this.front ? "live" : "connecting");
    void this.connect();
  }

  rest(): void {
    this.url = null;
    this.turn += 1;
    clearTimeout(this.timer);
    this.drop("next");
    const { front } = this;
    this.drop("front");
    if (front) this.haunt(front.canvas);
    this.onState("off");
  }

  /** Lets go of the last picture of a stream that is no more. */
  forget(): void {
    this.haunt(null);
  }

  close(): void {
    this.rest();
    this.forget();
  }

  focus(): void {
    this.front?.rfb?.focus({ preventScroll: true });
  }

  /** Gives the keyboard back to the page, and lets go of modifiers that the desk still believes held. */
  blur(): void {
    const rfb = this.front?.rfb;
    if (!rfb) return;
    for (const [keysym, code] of MODIFIERS) rfb.sendKey(keysym, code, false);
    rfb.blur();
    const { viewOnly } = rfb;
    rfb.viewOnly = true;
    rfb.viewOnly = viewOnly;
  }

  paste(text: string): void {
    this.front?.rfb?.clipboardPasteFrom(text);
  }

  /** A WebSocket closed before it is open, or under noVNC's handshake, would be a console error: the first waits, the second is told. */
  private drop(which: "front" | "next"): void {
    const line = this[which];
    this[which] = null;
    if (!line) return;
    line.mount.remove();
    if (line.rfb) line.rfb.disconnect();
    else if (line.socket.readyState === WebSocket.OPEN) line.socket.close();
  }

  private async connect(): Promise<void> {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    const { url, options } = this;
    if (url === null) return;
    let Client: typeof RFB;
    try {
      const [novnc, logging] = await Promise.all([import("@novnc/novnc"), import("../node_modules/@novnc/novnc/core/util/logging.js")]);
      // What it was still drawing when a connection ended it calls an error on the console; how a connection stands is said on the page.
      logging.initLogging("none");
      Client = novnc.default;
    } catch {
      if (turn === this.turn) this.retry();
      return;
    }
    if (turn !== this.turn) return;
    const mount = document.createElement("div");
    mount.style.cssText = "position:absolute;inset:0;opacity:0";
    this.host.append(mount);
    const line: Line = { socket: new WebSocket(url, ["binary"]), rfb: null, connected: false, mount, canvas: null };
    this.next = line;
    line.socket.addEventListener("open", () => {
      if (this.next === line) this.speak(line, Client, options);
      else line.socket.close();
    });
    line.socket.addEventListener("close", () => {
      if (!line.rfb) this.lost(line);
      else if (!line.connected && this.next === line) line.rfb.disconnect();
    });
  }

  private speak(line: Line, Client: typeof RFB, options: ScreenOptions): void {
    const rfb = new Client(line.mount, line.socket, { shared: true });
    line.rfb = rfb;
    rfb.viewOnly = options.viewOnly;
    rfb.scaleViewport = true;
    rfb.background = "transparent";
    this.tune();
    rfb.showDotCursor = !options.viewOnly;
    rfb.addEventListener("connect", () => {
      line.connected = true;
      setTimeout(() => this.show(line, options), FIRST_PICTURE_MS);
    });
    rfb.addEventListener("clipboard", ({ detail }) => {
      if (!options.viewOnly && this.front === line) this.onClipboard(detail.text);
    });
    rfb.addEventListener("disconnect", () => this.lost(line));
  }

  /** Asks the desk for the picture's quality as it is wanted now. */
  private tune(): void {
    for (const line of [this.front, this.next]) if (line?.rfb) line.rfb.qualityLevel = this.options.quality;
  }

  private show(line: Line, options: ScreenOptions): void {
    if (this.next !== line) return;
    this.next = null;
    this.drop("front");
    this.haunt(null);
    line.canvas = line.mount.querySelector("canvas");
    this.front = line;
    this.attempt = 0;
    line.mount.style.opacity = "1";
    this.onState("live");
    if (!options.viewOnly) line.rfb?.focus({ preventScroll: true });
  }

  private lost(line: Line): void {
    line.mount.remove();
    if (this.front === line) {
      this.front = null;
      this.haunt(line.canvas, "opacity:.5;filter:grayscale(.75)");
      this.onState("reconnecting");
      if (!this.next) this.retry();
    } else if (this.next === line) {
      this.next = null;
      this.retry();
    }
  }

  private haunt(canvas: HTMLCanvasElement | null, look = ""): void {
    this.ghost?.remove();
    this.ghost = canvas;
    if (!canvas) return;
    canvas.style.cssText = `position:absolute;inset:0;width:100%;height:100%;object-fit:contain;${look}`;
    this.host.prepend(canvas);
  }

  private retry(): void {
    if (this.url === null) return;
    if (this.attempt > 0 && !this.front) this.onState("reconnecting");
    const wait = BACKOFF_MS[Math.min(this.attempt, BACKOFF_MS.length - 1)];
    this.attempt += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), wait);
  }
}
