/** A control sequence, or one character with all that is drawn on it. */
// oxlint-disable-next-line no-control-regex -- a screen is written in control sequences
const piece = /\x1b\[([?\d;]*)([A-Za-z])|\r|\n|\P{M}\p{M}*(?:\u200d\P{M}\p{M}*)*/gsu;

/** What a terminal that does not wrap lines shows of what was written to it; knows no more of them than agentd uses. */
export class Screen {
  readonly #rows: string[][] = [];
  readonly #columns: number;
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Takes whole control sequences only. */
  write(text: string): void {
    for (const [all, given = "", command] of text.matchAll(piece)) {
      if (command !== undefined) this.#control(command, given);
      else if (all === "\r") this.#column = 0;
      else if (all === "\n") this.#row++;
      else this.#draw(all);
    }
  }

  get lines(): string[] {
    return Array.from(this.#rows, (row) => Array.from(row ?? [], (cell) => cell ?? " ").join(""));
  }

  #control(command: string, given: string): void {
    if (command === "H") {
      const [row = 1, column = 1] = given.split(";").map(Number);
      [this.#row, this.#column] = [row - 1, column - 1];
    } else if (command === "K") this.#rows[this.#row]?.splice(this.#column);
    else if (command === "J") this.#rows.length = 0;
  }

  /** At the edge each character is drawn over the last one, and the cursor stays on it. */
  #draw(character: string): void {
    const width = Bun.stringWidth(character);
    const at = Math.min(this.#column, this.#columns - width);
    const row = (this.#rows[this.#row] ??= []);
    row[at] = character;
    for (let next = 1; next < width; next++) row[at + next] = "";
    this.#column = Math.min(at + width, this.#columns - 1);
  }
}
