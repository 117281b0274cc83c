import { Disproved } from "../proof.ts";
import { Wire } from "../wire.ts";

/** A request nobody could object to. */
export interface Valid {
  id: number;
  method: string;
  params: Record<string, unknown>;
}

/**
 * Left out: `Backup`, as a path that is altered may be anybody's, and `VerifyJournal`, whose cost is the journal's. A
 * request that waits on purpose holds up its own connection, so none does.
 */
const leftOut = new Set(["Backup", "VerifyJournal"]);
const waiting = "wait_ms";
const describing = "DescribeInterface";
/**
 * Answers of 147 KB, of all locks there are, of a page of journal, and comparisons with 50 other bundles: how dear a right
 * request may be is another question than what becomes of a wrong line, so these come once where each of the others comes
 * so often.
 */
const dear = new Set([describing, "ListResourceLocks", "ListEvents", "SubmitPatchBundle"]);
const roundsOfOthers = 40;

/** A valid request of each method, as the daemon itself describes them. */
export async function askForCorpus(socket: string): Promise<Valid[]> {
  using wire = await Wire.connect(socket);
  const line = await wire?.ask([JSON.stringify({ method: describing })])[0];
  const { result } = JSON.parse(line ?? "{}") as {
    result?: { methods: { method: string; example: { params: Record<string, unknown> } }[] };
  };
  if (result === undefined) throw new Disproved(`DescribeInterface was answered ${line}`);
  const examples = result.methods.filter(({ method }) => !leftOut.has(method));
  const requests = examples.map(({ method, example }, id) => {
    const { [waiting]: _, ...params } = example.params;
    return { id, method, params };
  });
  const others = requests.filter(({ method }) => !dear.has(method));
  const rounds = Array.from({ length: roundsOfOthers }, () => others).flat();
  return [...rounds, ...requests.filter(({ method }) => dear.has(method))];
}
