/**
 * Remembers what is costly to find out, for as long as it takes no more than so many bytes. What was used of late stays: of
 * two generations the older is forgotten when the younger has half of the bytes.
 */
export class Cache<Value> {
  readonly #generationBytesMax: number;
  #young = new Map<string, Entry<Value>>();
  #old = new Map<string, Entry<Value>>();
  #youngBytes = 0;
  #oldBytes = 0;

  constructor(bytesMax: number) {
    this.#generationBytesMax = bytesMax / 2;
  }

  /** What is remembered now takes this much, as far as it was told. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young.value;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#oldBytes -= old.bytes;
    this.#add(key, old);
    return old.value;
  }

  /** `bytes` is what the value takes with all that is made of it later. What alone has no room is not remembered. */
  set(key: string, value: Value, bytes: number): void {
    this.delete(key);
    const entry = { value, bytes: bytes + entryBytes + 2 * key.length };
    if (entry.bytes <= this.#generationBytesMax) this.#add(key, entry);
  }

  delete(key: string): void {
    this.#youngBytes -= this.#young.get(key)?.bytes ?? 0;
    this.#oldBytes -= this.#old.get(key)?.bytes ?? 0;
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
    this.#youngBytes = 0;
    this.#oldBytes = 0;
  }

  #add(key: string, entry: Entry<Value>): void {
    if (this.#youngBytes + entry.bytes > this.#generationBytesMax) {
      this.#old = this.#young;
      this.#oldBytes = this.#youngBytes;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, entry);
    this.#youngBytes += entry.bytes;
  }
}

interface Entry<Value> {
  value: Value;
  bytes: number;
}

/** What an entry takes beside its key and value. */
const entryBytes = 150;
