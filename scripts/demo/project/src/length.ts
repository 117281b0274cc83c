/** Metres in one unit of length. */
export const length = { metre: 1, kilometre: 100, mile: 1609.344 };
