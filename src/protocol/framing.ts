const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a reader finds: a line's text, a line that is not UTF-8, or one over the limit, after which nothing is read. */
export type Frame = string | typeof NOT_UTF8 | typeof TOO_LONG;
export const NOT_UTF8 = Symbol("not UTF-8");
export const TOO_LONG = Symbol("too long");

const nothing = new Uint8Array(0);

/**
 * Cuts a byte stream into lines. Bytes are framed before they are decoded, and an open line is kept in one buffer that
 * doubles, so a long line costs at most twice its size, however small its pieces are. Blank lines are skipped, a
 * trailing `\r` is dropped.
 */
export class LineReader {
  readonly #bytesMax: number;
  #pending = nothing;
  #pendingBytes = 0;
  #closed = false;

  /** `bytesMax` counts the newline. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is kept of the open line. */
  get bytes(): number {
    return this.#pending.length;
  }

  /** Frames completed by `chunk`. The chunk is not kept: what stays for later is copied. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let start = 0;
    while (!this.#closed) {
      const end = chunk.indexOf(NEWLINE, start);
      const bytes = this.#pendingBytes + (end === -1 ? chunk.length - start : end + 1 - start);
      // A line still open needs one byte more for its newline.
      if (bytes > this.#bytesMax - (end === -1 ? 1 : 0)) return [...frames, this.#refuse()];
      if (end === -1) {
        this.#keep(chunk.subarray(start));
        return frames;
      }
      const frame = this.#finish(chunk.subarray(start, end));
      if (frame !== "") frames.push(frame);
      start = end + 1;
    }
    return frames;
  }

  /** The last line, which counts although no newline ended it; undefined when there is none. */
  end(): Frame | undefined {
    if (this.#closed) return undefined;
    const frame = this.#finish(nothing);
    this.#closed = true;
    return frame === "" ? undefined : frame;
  }

  #keep(part: Uint8Array): void {
    const bytes = this.#pendingBytes + part.length;
    if (bytes > this.#pending.length) {
      const larger = new Uint8Array(Math.max(bytes, 2 * this.#pending.length));
      larger.set(this.#pending.subarray(0, this.#pendingBytes));
      this.#pending = larger;
    }
    this.#pending.set(part, this.#pendingBytes);
    this.#pendingBytes = bytes;
  }

  #finish(last: Uint8Array): Frame {
    let line = last;
    if (this.#pendingBytes > 0) {
      this.#keep(last);
      line = this.#pending.subarray(0, this.#pendingBytes);
      this.#forget();
    }
    let length = line.length;
    if (length > 0 && line[length - 1] === CARRIAGE_RETURN) length--;
    if (isBlank(line, length)) return "";
    try {
      return decoder.decode(line.subarray(0, length));
    } catch {
      return NOT_UTF8;
    }
  }

  #refuse(): typeof TOO_LONG {
    this.#closed = true;
    this.#forget();
    return TOO_LONG;
  }

  #forget(): void {
    this.#pending = nothing;
    this.#pendingBytes = 0;
  }
}

function isBlank(line: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const byte = line[i];
    if (byte !== SPACE && byte !== 9 && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}
