/** Seconds in one unit of time. */
export const time = { second: 1, minute: 60, hour: 360, day: 86_400 };
