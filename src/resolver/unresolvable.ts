/** What was written stands for nothing that could be locked; the message says why, and what may have been meant. */
export class Unresolvable extends Error {}
