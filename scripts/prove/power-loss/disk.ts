import { rmSync, writeFileSync } from "node:fs";
import type { Chance } from "../chance.ts";
import { type FileNumber, type Operation, suffixes } from "./recording.ts";

/**
 * What of the unsynced changes a power loss leaves: none, all, some of the calls, or of each 512-byte sector some state
 * it has had since the sync.
 */
export type Fate = "dropped" | "kept" | "some" | "torn";
export const fates: readonly Fate[] = ["dropped", "kept", "some", "torn"];

const sectorBytes = 512;

type Change = Extract<Operation, { kind: "write" | "truncate" }>;
type Write = Extract<Change, { kind: "write" }>;
type Truncate = Extract<Change, { kind: "truncate" }>;

/** What Linux's cache keeps as one: a sync that fails leaves such pages as if they had been written. */
const pageBytes = 4_096;

/** A file, whatever names it. */
class Inode {
  /** What is surely on the disk. */
  readonly #durable = new Contents();
  /** What a sync that failed gave up: no later sync writes it, unless its page is changed again. */
  #forsaken: Write[] = [];
  #pending: Change[] = [];

  write(change: Write): void {
    const pages = new Set(inPieces(change, pageBytes).map(({ piece }) => piece));
    const { again = [], left = [] } = Object.groupBy(this.#forsaken, ({ offset }) =>
      pages.has(Math.floor(offset / pageBytes)) ? "again" : "left",
    );
    this.#forsaken = left;
    this.#pending.push(...again, change);
  }

  truncate(change: Truncate): void {
    this.#forsaken = this.#forsaken.filter(({ offset }) => offset < change.size);
    this.#pending.push(change);
  }

  sync(): void {
    for (const change of this.#pending.splice(0)) this.#durable.change(change);
  }

  /** Sizes are the file system's own, and kept with its next sync. */
  failToSync(): void {
    const { write = [], truncate = [] } = Object.groupBy(this.#pending, ({ kind }) => kind);
    const pages = (write as Write[]).flatMap((change) => inPieces(change, pageBytes).map(({ change: page }) => page));
    this.#forsaken.push(...pages);
    this.#pending = truncate;
  }

  image(fate: Fate, chance: Chance): Buffer {
    const contents = this.#durable.copy();
    for (const change of survivors([...this.#forsaken, ...this.#pending], fate, chance)) contents.change(change);
    return contents.bytes;
  }
}

/** A name given or taken. */
interface Naming {
  file: FileNumber;
  inode: Inode | null;
}

/**
 * A disk that keeps what was synced and nothing more: a file's contents with the file's sync, names with the
 * directory's, as POSIX has it. Real file systems keep more. A sync that fails is not made up for by the next, as on
 * Linux (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
 */
export class Disk {
  /** Whom the names stand for to the running programs, and after a power loss that leaves no unsynced change. */
  readonly #names: (Inode | null)[] = [null, null, null];
  readonly #durableNames: (Inode | null)[] = [null, null, null];
  #pendingNames: Naming[] = [];

  apply(operation: Operation): void {
    switch (operation.kind) {
      case "create":
        return this.#name(operation.file, new Inode());
      case "unlink":
        return this.#name(operation.file, null);
      case "sync directory":
        for (const { file, inode } of this.#pendingNames.splice(0)) this.#durableNames[file] = inode;
        return;
      case "write":
        return this.#inode(operation.file).write(operation);
      case "truncate":
        return this.#inode(operation.file).truncate(operation);
      case "sync":
        return this.#inode(operation.file).sync();
      case "failed sync":
        return this.#inode(operation.file).failToSync();
      default:
        operation satisfies never;
    }
  }

  /** The files as a power loss may leave them; absent ones are null. */
  image(fate: Fate, chance: Chance): (Buffer | null)[] {
    const names = [...this.#durableNames];
    for (const { file, inode } of this.#pendingNames.slice(0, this.#namingsKept(fate, chance))) names[file] = inode;
    return names.map((inode) => inode && inode.image(fate, chance));
  }

  #name(file: FileNumber, inode: Inode | null): void {
    this.#names[file] = inode;
    this.#pendingNames.push({ file, inode });
  }

  #inode(file: FileNumber): Inode {
    const inode = this.#names[file] ?? null;
    if (inode === null) throw new Error(`the recording changes ${suffixes[file] ?? ""} before it creates it`);
    return inode;
  }

  /** Names are kept in the order they were given. */
  #namingsKept(fate: Fate, chance: Chance): number {
    if (fate === "kept") return this.#pendingNames.length;
    return fate === "dropped" ? 0 : chance.below(this.#pendingNames.length + 1);
  }
}

function survivors(changes: readonly Change[], fate: Fate, chance: Chance): readonly Change[] {
  switch (fate) {
    case "dropped":
      return [];
    case "kept":
      return changes;
    case "some":
      return changes.filter(() => chance.happens(0.5));
    case "torn":
      return torn(changes, chance);
    default:
      return fate satisfies never;
  }
}

/** The changes by sectors: of each the first few, how many drawn at random, as a disk writes a sector as it then is. */
function torn(changes: readonly Change[], chance: Chance): Change[] {
  const pieces = changes.flatMap((change) => inPieces(change, sectorBytes));
  const perSector = new Map<number, number>();
  for (const { piece } of pieces) perSector.set(piece, (perSector.get(piece) ?? 0) + 1);
  const left = new Map(Array.from(perSector, ([piece, count]) => [piece, chance.below(count + 1)]));
  return pieces.flatMap(({ piece, change }): Change[] => {
    // A new size is the file's own, and written with it or not.
    if (change.kind === "truncate") return chance.happens(0.5) ? [change] : [];
    const count = left.get(piece) ?? 0;
    left.set(piece, count - 1);
    return count > 0 ? [change] : [];
  });
}

/** A change cut up at the bounds of sectors or pages, each of these with its number. */
function inPieces<Kind extends Change>(change: Kind, bytes: number): { piece: number; change: Kind }[] {
  if (change.kind === "truncate") return [{ piece: -1, change }];
  const pieces: { piece: number; change: Kind }[] = [];
  const end = change.offset + change.data.length;
  for (let at = change.offset; at < end;) {
    const piece = Math.floor(at / bytes);
    const next = Math.min(end, (piece + 1) * bytes);
    const data = change.data.subarray(at - change.offset, next - change.offset);
    pieces.push({ piece, change: { ...change, offset: at, data } });
    at = next;
  }
  return pieces;
}

/** Bytes that grow as they are written to, with zeros in the gaps. */
class Contents {
  #bytes: Buffer;
  #size: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
    this.#size = bytes.length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  copy(): Contents {
    return new Contents(Buffer.from(this.bytes));
  }

  change(change: Change): void {
    if (change.kind === "truncate") {
      this.#resize(change.size);
      return;
    }
    const end = change.offset + change.data.length;
    if (end > this.#size) this.#resize(end);
    change.data.copy(this.#bytes, change.offset);
  }

  #resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(size, 2 * this.#bytes.length));
      this.bytes.copy(larger);
      this.#bytes = larger;
    }
    // What was cut off comes back as zeros.
    if (size < this.#size) this.#bytes.fill(0, size, this.#size);
    this.#size = size;
  }
}

/** Puts an image where a database is opened at. */
export function writeImage(path: string, image: readonly (Buffer | null)[]): void {
  for (const [file, suffix] of suffixes.entries()) {
    const bytes = image[file] ?? null;
    if (bytes === null) rmSync(`${path}${suffix}`, { force: true });
    else writeFileSync(`${path}${suffix}`, bytes);
  }
}
