import { describeChoosing } from "./conformance/choosing.ts";
import { describeJournal } from "./conformance/journal.ts";
import { describeLeases } from "./conformance/leases.ts";
import type { MakeSpecimen } from "./conformance/specimen.ts";
import { describeState } from "./conformance/state.ts";
import { describeTransactions } from "./conformance/transactions.ts";

/** What every engine behind `Store` has to hold, said in the interface's words alone. */
export function describeStore(engine: string, make: MakeSpecimen): void {
  describeState(engine, make);
  describeChoosing(engine, make);
  describeTransactions(engine, make);
  describeJournal(engine, make);
  describeLeases(engine, make);
}
