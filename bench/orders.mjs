// Seeded order rows of about 250 bytes of JSON over 1,000 tenants of zipf-like size, for every benchmark here.
import { t, table } from 'tabularium'

const STATUSES = ['pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded']
const CURRENCIES = ['USD', 'EUR', 'GBP', 'JPY', 'CAD', 'AUD', 'SEK', 'INR']
const NOTES = ['leave at the front door', 'gift wrap please', 'fragile', 'call before delivery', '']
const START_MS = Date.UTC(2026, 0, 1)

const columns = () => ({
  id: t.text(),
  customerId: t.text(),
  status: t.enum(STATUSES),
  currency: t.enum(CURRENCIES),
  amount: t.decimal(12, 2),
  purchasedAt: t.timestamp(),
  note: t.text(),
  items: t.json(),
})

export const plainOrders = table('orders', columns(), { primaryKey: ['id'] })
export const indexedOrders = table('orders', columns(), {
  primaryKey: ['id'],
  indexes: { byCustomer: ['customerId', 'purchasedAt'], byStatus: ['status', 'purchasedAt'] },
})

export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
}

export const TENANT_COUNT = 1000
export const tenantName = (i) => `merchant-${String(i).padStart(4, '0')}`

/** A tenant number, small ones much more often than large ones. */
export function tenantOf(random) {
  return Math.min(TENANT_COUNT - 1, Math.floor(TENANT_COUNT ** random()) - 1)
}

export const orderId = (i) =>
  `ord_${(START_MS + i).toString(36)}_${(Math.imul(i, 0x9e3779b1) >>> 0).toString(36).padStart(7, '0')}`

export function order(i, random) {
  const items = Array.from({ length: 1 + Math.floor(random() * 2) }, () => ({
    sku: `sku_${String(Math.floor(random() * 1e5)).padStart(5, '0')}`,
    qty: 1 + Math.floor(random() * 3),
    price: (1 + Math.floor(random() * 20_000) / 100).toFixed(2),
  }))
  return {
    id: orderId(i),
    customerId: `u${String(Math.floor(random() * 20_000)).padStart(7, '0')}`,
    status: STATUSES[Math.floor(random() * STATUSES.length)],
    currency: CURRENCIES[Math.floor(random() * CURRENCIES.length)],
    amount: (10 + Math.floor(random() * 90_000) / 100).toFixed(2),
    purchasedAt: new Date(START_MS + i * 10),
    note: NOTES[Math.floor(random() * NOTES.length)],
    items,
  }
}
