import type { Result } from "../../protocol/methods.ts";

/** Values that go up and down; everything else under `runtime` only goes up while the daemon runs. */
const gauges = new Set(["average_acquisition_latency_micros"]);

/**
 * Metrics in Prometheus's text exposition format: `agentd_` before every name, `_total` after counters, HELP and TYPE
 * once for each.
 */
export function prometheusText({ runtime, database, ...process }: Result<"Metrics">): string {
  const { node_status_counts: statuses, ...tables } = database;
  const lines: string[] = [];
  for (const [name, value] of Object.entries(process)) lines.push(...metric(name, "gauge", [["", value]]));
  for (const [name, value] of Object.entries(runtime)) {
    lines.push(...metric(name, gauges.has(name) ? "gauge" : "counter", [["", value]]));
  }
  for (const [name, value] of Object.entries(tables)) {
    lines.push(...metric(`database_${name.replace(/^total_/, "")}`, "gauge", [["", value]]));
  }
  const samples = Object.entries(statuses).map(([status, value]) => [`{status="${status}"}`, value] as const);
  lines.push(...metric("database_nodes_by_status", "gauge", samples));
  return `${lines.join("\n")}\n`;
}

type Sample = readonly [labels: string, value: number];

function metric(name: string, type: "counter" | "gauge", samples: readonly Sample[]): string[] {
  const full = `agentd_${type === "counter" && !name.endsWith("_total") ? `${name}_total` : name}`;
  return [
    `# HELP ${full} ${help(name, type)}`,
    `# TYPE ${full} ${type}`,
    ...samples.map(([labels, value]) => `${full}${labels} ${value}`),
  ];
}

function help(name: string, type: "counter" | "gauge"): string {
  const words = name.replace(/_total$/, "").replaceAll("_", " ");
  const sentence = `${words[0]?.toUpperCase()}${words.slice(1)}`;
  return type === "counter" ? `${sentence} since the daemon started.` : `${sentence}.`;
}
