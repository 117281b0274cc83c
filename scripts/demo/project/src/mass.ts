/** Grams in one unit of mass. */
export const mass = { gram: 1, kilogram: 1000, pound: 500 };
