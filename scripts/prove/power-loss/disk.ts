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

/** A file, whatever names it: what is surely on the disk of it, and what is not yet. */
interface Inode {
  durable: Contents;
  pending: Change[];
}

/** A name given or taken. */
interface Naming {
  file: FileNumber;
  inode: Inode | null;
}

/**
 * A disk that keeps what was synced and nothing more: a file's contents with the file's sync, names with the
 * directory's, as POSIX has it. Real file systems keep more.
 */
export class Disk {
  /** Whom the names stand for to the running programs, and after a power loss that leaves no unsynced change. */
  readonly #names: (Inode | null)[] = [null, null, null];
  readonly #durableNames: (Inode | null)[] = [null, null, null];
  #pendingNames: Naming[] = [];

  apply(operation: Operation): void {
    switch (operation.kind) {
      case "create":
        return this.#name(operation.file, { durable: new Contents(), pending: [] });
      case "unlink":
        return this.#name(operation.file, null);
      case "sync directory":
        for (const { file, inode } of this.#pendingNames.splice(0)) this.#durableNames[file] = inode;
        return;
      case "write":
      case "truncate":
        this.#inode(operation.file).pending.push(operation);
        return;
      case "sync": {
        const inode = this.#inode(operation.file);
        for (const change of inode.pending.splice(0)) inode.durable.change(change);
        return;
      }
      default:
        operation satisfies never;
    }
  }

  /** The files as a power loss may leave them; absent ones are null. */
  image(fate: Fate, chance: Chance): (Buffer | null)[] {
    const names = [...this.#durableNames];
    for (const { file, inode } of this.#pendingNames.slice(0, this.#namingsKept(fate, chance))) names[file] = inode;
    return names.map((inode) => inode && imageOf(inode, fate, chance));
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

function imageOf({ durable, pending }: Inode, fate: Fate, chance: Chance): Buffer {
  const contents = durable.copy();
  if (fate === "kept") for (const change of pending) contents.change(change);
  if (fate === "some") for (const change of pending) if (chance.happens(0.5)) contents.change(change);
  if (fate === "torn") for (const change of torn(pending, chance)) contents.change(change);
  return contents.bytes;
}

/** The changes by sectors: of each the first few, how many drawn at random, as a disk writes a sector as it then is. */
function torn(pending: readonly Change[], chance: Chance): Change[] {
  const pieces = pending.flatMap(inSectors);
  const perSector = new Map<number, number>();
  for (const { sector } of pieces) perSector.set(sector, (perSector.get(sector) ?? 0) + 1);
  const left = new Map(Array.from(perSector, ([sector, count]) => [sector, chance.below(count + 1)]));
  return pieces.flatMap(({ sector, change }): Change[] => {
    // A new size is the file's own, and written with it or not.
    if (change.kind === "truncate") return chance.happens(0.5) ? [change] : [];
    const count = left.get(sector) ?? 0;
    left.set(sector, count - 1);
    return count > 0 ? [change] : [];
  });
}

function inSectors(change: Change): { sector: number; change: Change }[] {
  if (change.kind === "truncate") return [{ sector: -1, change }];
  const pieces: { sector: number; change: Change }[] = [];
  const end = change.offset + change.data.length;
  for (let at = change.offset; at < end;) {
    const sector = Math.floor(at / sectorBytes);
    const next = Math.min(end, (sector + 1) * sectorBytes);
    const data = change.data.subarray(at - change.offset, next - change.offset);
    pieces.push({ sector, change: { ...change, offset: at, data } });
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
