import { expect, it } from 'vitest'

import { ORACLE_ABSENT, openOracle } from './sqlite.js'

it('SQLite answers, where it is installed', ({ skip }) => {
  const oracle = openOracle()
  if (oracle === undefined) return skip(ORACLE_ABSENT)
  oracle.exec('create table orders (id text primary key, amount integer)')
  expect(oracle.prepare('insert into orders values (?, ?)').run('a', 5).changes).toBe(1)
  expect(oracle.prepare('select sum(amount) as total from orders').all()).toEqual([{ total: 5 }])
  oracle.close()
})
