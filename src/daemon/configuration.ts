import { readFileSync } from "node:fs";
import { BadPath, type Environment, type Paths, resolveEnvironment, type Whereabouts } from "../protocol/paths.ts";
import { BadSetting, readSettings, type Settings } from "../protocol/settings.ts";
import { checkEnvFile } from "./home.ts";
import { StartRefused } from "./start-refused.ts";

export interface Configuration {
  paths: Paths;
  settings: Settings;
}

/** Everything the daemon is told from outside, checked. @throws {StartRefused} */
export async function readConfiguration(environment: Environment, at: Whereabouts): Promise<Configuration> {
  try {
    const resolved = await resolveEnvironment(environment, readEnvFile, at);
    return { paths: resolved.paths, settings: readSettings(resolved.environment) };
  } catch (error) {
    if (error instanceof BadPath || error instanceof BadSetting) throw new StartRefused(error.message);
    throw error;
  }
}

async function readEnvFile(path: string): Promise<string | null> {
  checkEnvFile(path);
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new StartRefused(`the environment file ${path} cannot be read: ${String(error)}`);
  }
}
