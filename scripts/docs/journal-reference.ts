import type { Json } from "../../src/protocol/json.ts";
import { jsonText, table } from "./reference-parts.ts";
import { jsonSchemaOf, shapeOf } from "../../src/protocol/shape.ts";
import { topics, type Transition } from "../../src/protocol/transition.ts";
import { type Kind, kinds, sentenceOf, transitionRow } from "../../src/protocol/transitions.ts";

/** The journal's reference as Markdown: what docs/journal.md holds. The same text from every build. */
export function journalReference(): string {
  return `${[introduction(), reading(), index(), ...kinds.map(chapter)].join("\n\n")}\n`;
}

const introduction = () => `# The journal

<!-- Generated from src/protocol/transitions by \`bun run docs\`. Edit the rows there, not this file. -->

Everything that changes what agentd knows of tasks, nodes, locks and bundles is one row of the journal, written in the
transaction that makes the change. Methods ask; these transitions happen. Each row carries a hash of the one before, and
replaying all of them rebuilds the tables: \`agentd verify\` does that. Heartbeats and progress leave no row.

A row has a \`seq\`, an \`id\` where the contract calls it an event, the \`task_id\` and \`node_id\` it is about, an
\`action_type\`, the \`origin\`, a \`payload\` and a \`timestamp\`. With \`"origin": "daemon"\`, the \`action_type\` is one of the kinds
below. Clients may give their own events any name, also one of these, and those have \`"origin": "client"\`.`;

const reading = () => `## Reading it

\`ListEvents\` gives rows in order, and with \`wait_ms\` waits for more. It filters by \`task_id\`, by \`node_id\`, and by
\`action_types\`: any of the kinds below, or names of clients' own. \`agentd event list --type ${examples.join(",")}\`
does the same, and prints what happened in words; \`--json\` prints rows as they are.

Whoever waits for an answer is asked again when something happens that may let them go on:

${table(
  ["wakes", "because"],
  Object.entries(topics).map(([topic, because]) => [`\`${topic}\``, because]),
)}

Pruning takes rows out of the journal with what they belong to:

${table(
  ["leaves with", "when"],
  Object.entries(units).map(([unit, when]) => [unit, when]),
)}`;

const examples = ["COMPLETE_NODE", "FAIL_NODE"] satisfies Kind[];

const units: Record<string, string> = {
  "its task": "the task has ended, and is old; a row of no task leaves when it is old",
  "its lease": "the lease of locks has ended, too, with all of its rows",
  "its bundle": "the bundle was decided, too, with all of its rows",
  nothing: "it stays",
};

const leavesWith = {
  row: "its task",
  lease_id: "its lease",
  bundle_id: "its bundle",
  lasting: "nothing",
} as const satisfies Record<Transition["unit"], string>;

const index = () => `## Kinds

${table(
  ["kind", "about a", "moves a node", "wakes", "leaves with", "summary"],
  kinds.map((kind) => {
    const { subject, moves, topics: woken, unit, summary } = transitionRow(kind);
    return [
      `[${kind}](#${kind.toLowerCase()})`,
      subject,
      moves.map(([from, to]) => `${from} → ${to}`).join(", "),
      woken.map((topic) => `\`${topic}\``).join(", "),
      leavesWith[unit],
      summary,
    ];
  }),
)}`;

const identity = {
  always: "It is an event of the contract and has an `id`.",
  "of a node": "Where it names a node, it is an event of the contract and has an `id`.",
  never: "It has no `id`.",
} as const satisfies Record<Transition["isEvent"], string>;

function chapter(kind: Kind): string {
  const { summary, payload, isEvent, origin, example } = transitionRow(kind);
  const reads = sentenceOf({ action_type: kind, origin, payload: example }, (id) => id.slice(0, 8));
  const by = origin === "client" ? " A client reports it, so its `origin` is `client`." : "";
  return `### ${kind}

${summary} ${identity[isEvent]}${by} Its payload:

${jsonText(shapeOf(jsonSchemaOf(payload)))}

Such as the following, which reads “${reads}”:

${jsonText(example as Json)}`;
}
