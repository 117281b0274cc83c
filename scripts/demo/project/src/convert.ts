/** An amount of one unit in another; `table` says how much of the base unit each holds. */
export function convert<Unit extends string>(
  amount: number,
  from: Unit,
  to: Unit,
  table: Record<Unit, number>,
): number {
  return (amount * table[to]) / table[from];
}
