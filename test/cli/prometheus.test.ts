import { expect, test } from "bun:test";
import { prometheusText } from "../../src/cli/daemon/prometheus.ts";
import { Metrics } from "../../src/protocol/methods/daemon.ts";

const text = prometheusText(Metrics.example.result);

test.each([
  ["a value of the moment", "# TYPE agentd_uptime_secs gauge\nagentd_uptime_secs 3600"],
  ["a counter, with its suffix", "# TYPE agentd_registered_tasks_total counter\nagentd_registered_tasks_total 1"],
  [
    "a counter that has the suffix already",
    "# TYPE agentd_acquisition_latency_micros_total counter\nagentd_acquisition_latency_micros_total 180",
  ],
  [
    "an average, which is no counter",
    "# TYPE agentd_average_acquisition_latency_micros gauge\nagentd_average_acquisition_latency_micros 90",
  ],
  ["what the database holds", "# TYPE agentd_database_nodes gauge\nagentd_database_nodes 2"],
  [
    "statuses as labels",
    'agentd_database_nodes_by_status{status="COMPLETED"} 1\nagentd_database_nodes_by_status{status="RUNNING"} 1',
  ],
])("metrics for Prometheus hold %s", (_what, expected) => {
  expect(text).toContain(`${expected}\n`);
});

test("every name has its HELP and TYPE once, before its samples, and the text ends with a newline", () => {
  const names = text.match(/(?<=^# TYPE )\S+/gm) ?? [];
  expect(new Set(names).size).toBe(names.length);
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(# (HELP|TYPE) agentd_[a-z_]+ .+|agentd_[a-z_]+(\{status="[A-Z]+"\})? \d+)$/);
    if (!line.startsWith("#")) expect(names).toContain(line.replace(/[{ ].*/, ""));
  }
  expect(text.endsWith("\n")).toBe(true);
});
