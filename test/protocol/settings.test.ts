import { describe, expect, test } from "bun:test";
import { BadSetting, readSettings, type Setting, settings, settingsView } from "../../src/protocol/settings.ts";

const rows = Object.entries(settings) as [keyof typeof settings, Setting][];
const decimals = rows.filter(([, setting]) => setting.notation === "decimal");

function refusalOf(variable: string, value: string): string {
  try {
    readSettings({ [variable]: value });
  } catch (refused) {
    if (refused instanceof BadSetting) return refused.message;
    throw refused;
  }
  return "";
}

test("without a word from the environment every setting has its default", () => {
  expect(readSettings({})).toEqual(Object.fromEntries(rows.map(([name, setting]) => [name, setting.default])) as never);
});

test.each(rows)("%s has a default within its own bounds", (_name, setting) => {
  expect(setting.default).toBeGreaterThanOrEqual(setting.min);
  expect(setting.default).toBeLessThanOrEqual(setting.max);
});

describe.each(decimals)("%s", (name, { variable, min, max, summary }) => {
  test.each([min, min + 1, max])("may be %d, where others have room for it", (value) => {
    const others = { AGENTD_CLIENTS_BYTES_MAX: String(settings.clientsBytesMax.max) };
    expect(readSettings({ ...others, [variable]: String(value) })[name]).toBe(value);
  });

  test.each(["", " ", "abc", "5s", "1.5", "1e3", "0x10", "+5", " 5", "-1", "NaN", String(max + 1), "9".repeat(30)])(
    "may not be %j: variable, value and expectation are named",
    (value) => {
      const message = refusalOf(variable, value);
      expect(message).toBe(
        `${variable} is ${JSON.stringify(value)}; expected a whole number from ${min} to ${max} (${summary})`,
      );
    },
  );

  test("may not be below its least", () => {
    if (min > 0) expect(refusalOf(variable, String(min - 1))).toContain(`from ${min}`);
    else expect(refusalOf(variable, "-1")).toContain(`from ${min}`);
  });
});

describe("settings that contradict each other are refused", () => {
  const mib = (count: number) => String(count << 20);

  test.each([
    ["AGENTD_UNREAD_BYTES_MAX", mib(65), "AGENTD_CLIENTS_BYTES_MAX", mib(64), 65 << 20],
    ["AGENTD_UNREAD_BYTES_MAX", mib(17), "AGENTD_CLIENTS_BYTES_MAX", mib(16), 17 << 20],
    ["AGENTD_REQUEST_BYTES_MAX", mib(64), "AGENTD_CLIENTS_BYTES_MAX", mib(64), 320 << 20],
    ["AGENTD_REQUEST_BYTES_MAX", mib(4), "AGENTD_CLIENTS_BYTES_MAX", mib(16), 20 << 20],
  ])("%s %d beside %s %d", (one, value, other, got, least) => {
    const environment = { [one]: value, [other]: got };
    expect(() => readSettings(environment)).toThrow(
      `${one} is ${value}, for which ${other} must be at least ${least} and is ${got}: `,
    );
    expect(() => readSettings(environment)).toThrow(`; raise ${other} or lower ${one}`);
    expect(() => readSettings({ ...environment, [other]: String(least) })).not.toThrow();
  });

  test("one that was not set has its default", () => {
    expect(refusalOf("AGENTD_REQUEST_BYTES_MAX", mib(16))).toContain("AGENTD_CLIENTS_BYTES_MAX must be at least");
  });
});

describe("AGENTD_SOCKET_MODE is written in octal", () => {
  test.each([
    ["0600", 0o600],
    ["600", 0o600],
    ["0660", 0o660],
    ["660", 0o660],
  ])("%s", (text, mode) => {
    expect(readSettings({ AGENTD_SOCKET_MODE: text }).socketMode).toBe(mode);
  });

  test.each(["0666", "0777", "0640", "0o600", "384", "rw", ""])("not %j", (text) => {
    expect(refusalOf("AGENTD_SOCKET_MODE", text)).toContain(
      `AGENTD_SOCKET_MODE is ${JSON.stringify(text)}; expected 0600 or 0660`,
    );
  });
});

test("Health shows each limit under its variable's name, and no file mode among them", () => {
  expect(settingsView(readSettings({ AGENTD_CONNECTIONS_MAX: "7" }))).toEqual({
    node_timeout_secs: 300,
    max_lost_attempts: 5,
    context_event_limit: 50,
    connections_max: 7,
    retention_days: 0,
    request_bytes_max: 1_048_576,
    depth_max: 32,
    batch_requests_max: 256,
    unread_bytes_max: 4_194_304,
    clients_bytes_max: 67_108_864,
    task_nodes_max: 10_000,
    active_nodes_max: 1_000_000,
    node_dependencies_max: 1_000,
  });
});
