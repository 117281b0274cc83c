import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";

type AnyStatement = Statement<unknown, SQLQueryBindings[]>;

/**
 * From here on statements are prepared when they are first used, in this process. A story opens the database several
 * times and uses few of its two hundred statements: most of what it costs would be preparing the others.
 */
export function prepareLazily(): void {
  // eslint-disable-next-line typescript/unbound-method -- it is called with the database it belongs to.
  const prepare = Database.prototype.prepare as (this: Database, sql: string) => AnyStatement;
  const lazily = function (this: Database, sql: string) {
    let prepared: AnyStatement | undefined;
    const its = () => (prepared ??= prepare.call(this, sql));
    return {
      run: (...bindings: SQLQueryBindings[]) => its().run(...bindings),
      get: (...bindings: SQLQueryBindings[]) => its().get(...bindings),
      all: (...bindings: SQLQueryBindings[]) => its().all(...bindings),
      iterate: (...bindings: SQLQueryBindings[]) => its().iterate(...bindings),
    };
  };
  Object.assign(Database.prototype, { prepare: lazily });
}
