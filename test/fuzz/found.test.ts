// What fuzzing found, as sessions.
import { expect, it } from 'vitest'
import { QueryKit } from '../unit/query/query-kit.js'

it('a time that no column holds is refused, and does not make its row unreadable', async () => {
  const kit = new QueryKit().table('t', { id: 'text', at: 'timestamp?' }, ['id'])
  for (const time of ['2424-01-01', '9999-12-31T23:59:59.999999Z', '1600-01-01']) {
    const refusal = await kit.refusal(`insert into t values ('x', timestamp '${time}')`)
    expect(refusal.code).toBe('SCHEMA_TYPE_MISMATCH')
  }
  await kit.result("insert into t values ('x', timestamp '2200-01-01')")
  const refusal = await kit.refusal("update t set at = timestamp '2424-01-01'")
  expect(refusal.code).toBe('SCHEMA_TYPE_MISMATCH')
  expect(await kit.rows('select id from t')).toEqual([['x']])
})
