import { type BadLine, notUtf8, parseRequest, type Request } from "../protocol/envelope.ts";
import { wireError } from "../protocol/errors.ts";
import { type Frame, LineReader, NOT_UTF8, TOO_LONG } from "../protocol/framing.ts";
import type { Settings } from "../protocol/settings.ts";
import { limits } from "../protocol/limits.ts";

/** What a client has sent and is not under way, as whole lines and the beginning of one. */
export class Inbox {
  readonly #settings: Settings;
  readonly #reader: LineReader;
  /** Whole lines; they start at `#next`. */
  #lines: Frame[] = [];
  #next = 0;
  #linesBytes = 0;
  /** Nothing of the client makes sense any more, as a line was too long. */
  isBroken = false;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#reader = new LineReader(settings.requestBytesMax);
  }

  /** Whether a whole line is there. */
  get waits(): boolean {
    return this.#next < this.#lines.length;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#reader.bytes + this.#linesBytes;
  }

  /** Bytes of the next line; 0 where there is none. */
  get nextBytes(): number {
    return bytesOf(this.#lines[this.#next]);
  }

  push(chunk: Uint8Array): void {
    this.#add(this.#reader.push(chunk));
  }

  /** The client sends no more: what it has begun counts as a line. */
  end(): void {
    const last = this.#reader.end();
    if (last !== undefined) this.#add([last]);
  }

  /** Takes the next request out, and tells what it takes in memory. */
  take(): [request: Request | BadLine, bytes: number] {
    const line = this.#lines[this.#next++];
    if (line === undefined) throw new Error("nothing waits");
    this.#linesBytes -= bytesOf(line);
    if (line === NOT_UTF8) return [notUtf8, 0];
    if (line === TOO_LONG) return [tooLong(this.#settings.requestBytesMax), 0];
    return [parseRequest(line, this.#settings.depthMax), limits.memoryPerByte * line.length];
  }

  clear(): void {
    this.#lines = [];
    this.#next = 0;
    this.#linesBytes = 0;
  }

  #add(lines: Frame[]): void {
    if (lines.includes(TOO_LONG)) this.isBroken = true;
    this.#lines = this.waits ? [...this.#lines.slice(this.#next), ...lines] : lines;
    this.#next = 0;
    this.#linesBytes = this.#lines.reduce((sum, line) => sum + bytesOf(line), 0);
  }
}

/** Of a line that is one. */
const bytesOf = (line: Frame | undefined): number => (typeof line === "string" ? line.length : 0);

const tooLong = (bytesMax: number): BadLine => ({
  id: undefined,
  error: wireError("LINE_TOO_LONG", `a request line may have at most ${bytesMax} bytes; the connection is closed`, {
    limit: "request_bytes_max",
    max: bytesMax,
  }),
});
