import { Reads } from "./reads.ts";
import { schemaFault } from "./schema.ts";
import type { SliceBounds } from "./slices.ts";
import type { EdgeRow, LabelMemberRow, VerifiableStore } from "./verifiable-store.ts";

/** What a verification asks of the tables. */
export class VerifiedReads extends Reads implements VerifiableStore {
  schemaFault() {
    return schemaFault(this.tables.db);
  }

  taskSlice(afterRow: number, bounds: SliceBounds) {
    return this.tables.tasks.slice(afterRow, bounds);
  }

  nodeSlice(afterRow: number, bounds: SliceBounds) {
    const { nodes, attempts } = this.tables;
    return nodes.slice(afterRow, bounds).map((node) => ({ ...node, attempts: attempts.replayedOf(node.row) }));
  }

  lockSlice(afterRow: number, limit: number) {
    return this.tables.lockSlices.slice(afterRow, limit);
  }

  countLocks() {
    return this.tables.locks.count(0).all;
  }

  bundleSlice(afterRow: number, bounds: SliceBounds) {
    return this.tables.bundles.slice(afterRow, bounds);
  }

  edgeSlice(after: Pick<EdgeRow, "dependency" | "dependent">, limit: number) {
    return this.tables.dependencies.slice(after, limit);
  }

  countings() {
    return this.tables.countings.all();
  }

  labelSetSlice(afterRow: number, limit: number) {
    return this.tables.labels.setSlice(afterRow, limit);
  }

  labelMemberSlice(after: Omit<LabelMemberRow, "labels">, limit: number) {
    return this.tables.labels.memberSlice(after, limit);
  }

  hasLabel(set: number, name: string, value: string) {
    return this.tables.labels.hasMember(set, name, value);
  }

  answerSlice(afterRow: number, bounds: SliceBounds) {
    return this.tables.idempotency.slice(afterRow, bounds);
  }
}
