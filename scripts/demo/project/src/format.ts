/** `1 hour`, `2 hours`, `0.5 hours`. */
export function format(amount: number, unit: string): string {
  return amount > 1 ? `${amount} ${unit}s` : `${amount} ${unit}`;
}
