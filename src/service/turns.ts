/** What is due of one kind ends in one turn: five thousand leases take twenty turns, and nobody waits for all of them. */
export const duePerTurnMax = 256;
