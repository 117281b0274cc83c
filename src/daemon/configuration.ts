import { readFileText, Unreadable } from "../native/read-file.ts";
import { limits } from "../protocol/limits.ts";
import { BadPath, type Environment, type Paths, resolveEnvironment, type Whereabouts } from "../protocol/home.ts";
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
    return readFileText(path, limits.envFileBytesMax);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw new StartRefused(`the environment file ${path} cannot be read: ${error.message}`);
  }
}
