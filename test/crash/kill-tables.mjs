import { t, table } from 'tabularium'

export const TENANTS = ['north', 'south']
export const ROWS_PER_BATCH = 5

export const killTables = {
  entries: table(
    'entries',
    { id: t.text(), batch: t.text(), note: t.text() },
    { primaryKey: ['id'], indexes: { byBatch: ['batch'] } },
  ),
  counters: table(
    'counters',
    { id: t.text(), count: t.int(), last: t.text() },
    { primaryKey: ['id'], indexes: { byLast: { columns: ['last'], unique: true } } },
  ),
}
