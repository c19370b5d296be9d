// Orders for every benchmark here: some 300 bytes of JSON each, one to five items, over 1,000 tenants of zipf-like size, with
// ids in the order of time. Order i is the same in every process, so that reads and checks make again what a load wrote. All
// texts are flat and the ids fresh, as those of a parsed request are; bodies come back after 65,536 orders.
import { t, table } from 'tabularium'

const STATUSES = ['pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded']
const CURRENCIES = ['USD', 'EUR', 'GBP', 'JPY', 'CAD', 'AUD', 'SEK', 'INR']
const WORDS = (
  'please leave at the front door gift wrap fragile call before delivery second floor ring bell thanks urgent customer ' +
  'repeat order vip no signature needed box blue'
).split(' ')
const NOTE_MAX_CHARS = 60
const TEMPLATE_COUNT = 1 << 16
const START_MS = Date.UTC(2026, 0, 1)
/** Between one order and the next. */
const STEP_MS = 37

const columns = () => ({
  id: t.text(),
  customerId: t.text(),
  status: t.enum(STATUSES),
  currency: t.enum(CURRENCIES),
  amount: t.float(),
  purchasedAtMs: t.int(),
  note: t.text(),
  items: t.json(),
})

export const plainOrders = table('orders', columns(), { primaryKey: ['id'] })
export const indexedOrders = table('orders', columns(), {
  primaryKey: ['id'],
  indexes: { byCustomer: ['customerId', 'purchasedAtMs'], byStatus: ['status', 'purchasedAtMs'] },
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

/** A number below `count`, small ones much more often than large ones: the n-th about 1/n as often as the first. */
export const zipfOf = (random, count) =>
  Math.min(count - 1, Math.floor((count + 1) ** random()) - 1)

export const tenantOf = (random) => zipfOf(random, TENANT_COUNT)

let templates

function template(i, variant) {
  templates ??= makeTemplates()
  const shuffled = Math.imul(i, 0x9e3779b1) ^ Math.imul((i >>> 16) + variant + 1, 0x85ebca6b)
  return templates[shuffled & (TEMPLATE_COUNT - 1)]
}

function makeTemplates() {
  const random = seeded(7)
  const made = Array.from({ length: TEMPLATE_COUNT }, () => makeTemplate(random))
  // Texts that were put together from parts become flat.
  return JSON.parse(JSON.stringify(made))
}

function makeTemplate(random) {
  const below = (count) => Math.floor(random() * count)
  const itemCount = 1 + Math.min(4, Math.floor(-Math.log(1 - random()) * 1.2))
  const items = Array.from({ length: itemCount }, () => ({
    sku: `sku_${String(below(100_000)).padStart(5, '0')}`,
    qty: 1 + below(3),
    price: (100 + below(20_000)) / 100,
  }))
  const cents = items.reduce((sum, { qty, price }) => sum + qty * Math.round(price * 100), 0)
  const words = Array.from({ length: below(12) }, () => WORDS[below(WORDS.length)])
  return {
    tenant: tenantName(tenantOf(random)),
    customerId: `u${String(below(200_000)).padStart(7, '0')}`,
    status: STATUSES[below(STATUSES.length)],
    currency: CURRENCIES[below(CURRENCIES.length)],
    amount: cents / 100,
    note: words.join(' ').slice(0, NOTE_MAX_CHARS),
    items,
  }
}

/** The tenant whose order i is. */
export const tenantOfOrder = (i) => template(i, 0).tenant

const HEX = Buffer.from('0123456789abcdef')
const idBytes = Buffer.from('00000000-0000-7000-8000-000000000000')

function writeHex(at, digitCount, value) {
  for (let k = at + digitCount - 1, rest = value; k >= at; k--, rest >>>= 4) {
    idBytes[k] = HEX[rest & 15]
  }
}

/** As UUIDs of version 7: the time, then what tells those of one moment apart. */
export function orderId(i) {
  const ms = START_MS + i * STEP_MS
  writeHex(0, 8, Math.floor(ms / 0x1_0000))
  writeHex(9, 4, ms % 0x1_0000)
  writeHex(15, 3, i)
  const mixed = Math.imul(i ^ 0x9e3779b1, 0x85ebca6b)
  writeHex(20, 3, mixed)
  writeHex(24, 4, mixed >>> 12)
  writeHex(28, 8, Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35))
  return idBytes.latin1Slice(0, 36)
}

/** Order i; with another variant what has become of it. */
export function order(i, variant = 0) {
  const { customerId, status, currency, amount, note, items } = template(i, variant)
  return {
    id: orderId(i),
    customerId,
    status,
    currency,
    amount,
    purchasedAtMs: START_MS + i * STEP_MS,
    note,
    items,
  }
}
