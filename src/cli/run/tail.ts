import { isUtf8 } from "node:buffer";
import type { Printed } from "./supervised.ts";

/** So many pieces are joined into one, so that single bytes do not cost an object each for long. */
const piecesMax = 1_024;

/** The last bytes of an output that may have no end, in at most twice their number of memory. */
export class Tail {
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #kept = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#kept += piece.length;
    this.#bytes += piece.length;
    if (this.#kept > 2 * this.#bytesMax || this.#pieces.length > piecesMax) this.#cut();
  }

  /** The last bytes as text, from the first whole character on. */
  printed(): Printed {
    const kept = this.#cut();
    const start = this.#bytes > kept.length ? kept.findIndex((byte) => !isContinuation(byte)) : 0;
    const whole = kept.subarray(Math.max(0, start));
    return { text: new TextDecoder().decode(whole), bytes: this.#bytes, isUtf8: isUtf8(whole) };
  }

  #cut(): Uint8Array {
    const kept = Buffer.concat(this.#pieces).subarray(-this.#bytesMax);
    this.#pieces = [kept];
    this.#kept = kept.length;
    return kept;
  }
}

/** Whether a byte is one of a UTF-8 character's later ones. */
function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
