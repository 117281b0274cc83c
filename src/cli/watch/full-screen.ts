import type { Session } from "../session.ts";
import { Feed } from "./feed.ts";
import { screen } from "./screen.ts";
import { Terminal } from "./terminal.ts";
import { type Key, press, startAt, type View } from "./view.ts";

const clockMs = 1_000;

/** Shows all tasks, or one, until the user has seen enough. */
export async function watchScreen(session: Session, taskId: string | null): Promise<void> {
  const quit = Promise.withResolvers<void>();
  let view: View = startAt(taskId);
  using feed = new Feed(session, taskId, draw);
  using terminal = new Terminal({ key: pressed, redraw: draw });

  function draw(): void {
    terminal.draw(screen(feed.model, view, terminal.size, Date.now()));
  }

  function pressed(key: Key): void {
    if (key === "suspend") return terminal.suspend();
    const next = press(view, key, feed.model, Math.max(1, Math.floor(terminal.size.rows / 2)));
    if (next === null) return quit.resolve();
    if (next.opened !== view.opened) feed.open(next.opened);
    view = next;
    draw();
  }

  draw();
  // Time left runs down by itself: that asks nobody.
  const clock = setInterval(draw, clockMs);
  try {
    await Promise.race([quit.promise, feed.run()]);
  } finally {
    clearInterval(clock);
  }
}
