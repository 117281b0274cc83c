import { Screen } from "./screen.ts";
import { type Home, ownEnvironment, program } from "./daemon.ts";

/** An agentd command in a pseudo terminal. */
export interface TerminalRun {
  /** Everything it wrote. */
  written(): string;
  /** Resolves once it has written this text. */
  writes(text: string): Promise<void>;
  /** Resolves once the screen shows this text. */
  shows(text: string): Promise<void>;
  /** What the screen shows now, a text for each row. */
  screen(): string[];
  /** Resolves once the screen does not show this text. */
  loses(text: string): Promise<void>;
  type(keys: string): void;
  resize(columns: number, rows: number): void;
  kill(signal: NodeJS.Signals): void;
  /** Its exit status, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>;
}

const mark = "\x1e";

export interface TerminalOptions {
  columns?: number;
  rows?: number;
  /** A command that runs agentd, which follows it. */
  through?: readonly string[];
  /** Added to the tests' own. */
  environment?: Readonly<Record<string, string>>;
}

export function runInTerminal(home: Home, args: readonly string[], options: TerminalOptions = {}): TerminalRun {
  const { columns = 100, rows = 24, through = [], environment = {} } = options;
  const decoder = new TextDecoder();
  let written = "";
  let waiting: { met: () => boolean; resolve: () => void }[] = [];
  const terminal = new Bun.Terminal({
    cols: columns,
    rows,
    data(_terminal, chunk) {
      written += decoder.decode(chunk, { stream: true });
      waiting.filter(({ met }) => met()).forEach(({ resolve }) => resolve());
      waiting = waiting.filter(({ met }) => !met());
    },
  });
  const child = Bun.spawn([...through, ...program, ...args], {
    env: { ...ownEnvironment(), TERM: "xterm-256color", AGENTD_HOME: home.path, ...environment },
    terminal,
  });
  const screen = () => {
    const shown = new Screen(width);
    shown.write(written.slice(Math.max(0, written.lastIndexOf("\x1b[2J"))));
    return shown.lines;
  };
  let width = columns;
  async function until(met: () => boolean): Promise<void> {
    const done = Promise.withResolvers<void>();
    if (met()) done.resolve();
    else waiting.push({ met, resolve: done.resolve });
    await done.promise;
  }
  async function end(): Promise<number | NodeJS.Signals> {
    const status = await child.exited;
    // What it wrote last may still be on its way: once this mark has arrived, all of it has.
    Bun.spawn(["printf", String.raw`\036`], { terminal });
    await until(() => written.endsWith(mark));
    written = written.slice(0, -mark.length);
    terminal.close();
    return child.signalCode ?? status;
  }
  return {
    written: () => written,
    writes: (text) => until(() => written.includes(text)),
    shows: (text) => until(() => screen().join("\n").includes(text)),
    loses: (text) => until(() => !screen().join("\n").includes(text)),
    type: (keys) => void terminal.write(keys),
    screen,
    resize(to, by) {
      width = to;
      terminal.resize(to, by);
      // The kernel tells the terminal's own session only, and Bun starts none.
      child.kill("SIGWINCH");
    },
    kill: (signal) => child.kill(signal),
    ended: end(),
  };
}
