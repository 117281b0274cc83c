import { writeSync } from "node:fs";
import { isScreen } from "../streams.ts";
import type { Size } from "./screen.ts";
import { type Key, keysOf } from "./view.ts";

// The alternate screen, no cursor, and no line wrap: a character this terminal draws wider than reckoned is cut off at
// the edge instead of pushing everything below it down.
const enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l";
// Terminals that know these show a frame at once; others ignore them.
const [beginFrame, endFrame] = ["\x1b[?2026h", "\x1b[?2026l"];

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The parts of a terminal's user that a terminal calls. */
export interface TerminalUser {
  key: (key: Key) => void;
  /** The screen has to be drawn anew, maybe in another size. */
  redraw: () => void;
}

/** Whether both ends of the conversation are a terminal that can do more than print lines. */
export function isFullScreenPossible(): boolean {
  return process.stdin.isTTY && isScreen("stdout");
}

/** The user's terminal in full-screen use, given back as it was however the process ends. */
export class Terminal implements Disposable {
  readonly #user: TerminalUser;
  #shown: readonly string[] = [];
  #entered = false;

  constructor(user: TerminalUser) {
    this.#user = user;
    process.stdin.on("data", this.#receive).on("end", this.#hangUp);
    process.stdout.on("resize", this.#resized);
    process.on("SIGCONT", this.#continue);
    for (const signal of endings) process.on(signal, this.#end);
    process.on("exit", this.#leave);
    // Bun prints an uncaught error before it emits "exit": it would go to the screen that vanishes.
    process.on("uncaughtExceptionMonitor", this.#leave);
    this.#enter();
  }

  get size(): Size {
    const { columns, rows } = process.stdout;
    // A terminal that does not know its size says 0.
    return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
  }

  /** Shows a frame; rows that stay as they are cost nothing. */
  draw(lines: readonly string[]): void {
    if (!this.#entered) return;
    // What was there is erased first: behind a line that fills its row the cursor stands on its last character.
    const changed = lines.flatMap((line, row) =>
      line === this.#shown[row] ? [] : [`\x1b[${row + 1};1H\x1b[0m\x1b[K${line}\x1b[0m`],
    );
    this.#shown = lines;
    if (changed.length > 0) this.#write(`${beginFrame}${changed.join("")}${endFrame}`);
  }

  /** What Ctrl-Z does elsewhere: the shell gets its terminal, and `fg` comes back here. */
  suspend(): void {
    this.#leave();
    process.kill(0, "SIGTSTP");
    // Without a shell that could continue it the process is not stopped at all.
    setTimeout(this.#continue, 50);
  }

  [Symbol.dispose](): void {
    process.stdin.off("data", this.#receive).off("end", this.#hangUp).pause();
    process.stdout.off("resize", this.#resized);
    process.off("SIGCONT", this.#continue);
    for (const signal of endings) process.off(signal, this.#end);
    process.off("exit", this.#leave);
    process.off("uncaughtExceptionMonitor", this.#leave);
    this.#leave();
  }

  readonly #receive = (sent: Uint8Array) => {
    for (const key of keysOf(new TextDecoder().decode(sent))) this.#user.key(key);
  };

  readonly #hangUp = () => this.#user.key("quit");

  readonly #resized = () => {
    if (!this.#entered) return;
    this.#shown = [];
    this.#write("\x1b[2J");
    this.#user.redraw();
  };

  readonly #continue = () => {
    this.#enter();
    this.#user.redraw();
  };

  /** Ends by the signal after all, so that whoever started this learns the truth. */
  readonly #end = (signal: NodeJS.Signals) => {
    this[Symbol.dispose]();
    process.kill(process.pid, signal);
  };

  #enter(): void {
    process.stdin.setRawMode(true);
    this.#entered = true;
    this.#shown = [];
    this.#write(`${enterScreen}\x1b[2J`);
  }

  readonly #leave = () => {
    if (!this.#entered) return;
    this.#entered = false;
    this.#write(leaveScreen);
    process.stdin.setRawMode(false);
  };

  #write(text: string): void {
    try {
      writeSync(1, text);
    } catch {
      // The terminal is gone, and SIGHUP or the end of the input is on its way.
    }
  }
}
