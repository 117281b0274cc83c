// Filled in by scripts/build.ts; a run from source has neither.
declare const AGENTD_VERSION: string | undefined;
declare const AGENTD_COMMIT: string | undefined;

/** The release this process is of; daemon and client compare theirs. */
export const version = typeof AGENTD_VERSION === "string" ? AGENTD_VERSION : "0.0.0-source";
/** The commit it was built from, abbreviated. */
export const commit = typeof AGENTD_COMMIT === "string" ? AGENTD_COMMIT : "source";
