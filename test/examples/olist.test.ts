// The real Olist files, loaded and compared with figures that come straight from the CSV text by a reader of its own.

import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../examples/demo/dist/database.js'
import { loadCommits } from '../../examples/demo/dist/load.js'
import { formatCents, parseCents } from '../../examples/demo/dist/money.js'
import { MARKETPLACE, OlistSource, sellerTenant } from '../../examples/demo/dist/olist.js'
import { OlistDirectory } from '../../examples/demo/dist/olist-files.js'
import { commitsOf } from '../../examples/demo/dist/source.js'

const DIRECTORY = fileURLToPath(new URL('../../../shared/data/olist', import.meta.url))
const HAS_FILES = existsSync(join(DIRECTORY, 'olist_orders_dataset.csv.gz'))
const LOAD_TIMEOUT_MS = 120_000
const ROWS_PER_COMMIT = 1_000
const RANDOM_ORDER_COUNT = 1_000

if (!HAS_FILES) {
  console.log('skipped: the Olist files are not beside this checkout (../shared/data/olist)')
}

type Fields = Readonly<Record<string, string>>

/** Every record as texts by column name, one character at a time: slow, simple, and not the reader under test. */
function readFields(name: string): Fields[] {
  const text = gunzipSync(readFileSync(join(DIRECTORY, `${name}.csv.gz`))).toString('utf8')
  const records: string[][] = []
  let record: string[] = []
  let field = ''
  let isQuoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (isQuoted && character === '"' && text.charAt(i + 1) === '"') {
      field += '"'
      i++
    } else if (character === '"') isQuoted = !isQuoted
    else if (!isQuoted && (character === ',' || character === '\n')) {
      // A text that grew character by character is a chain of pieces, a hundred times its size: only its copy is kept.
      record.push(Buffer.from(field).toString())
      field = ''
      if (character === '\n') {
        records.push(record)
        record = []
      }
    } else field += character
  }
  const [columns = [], ...rows] = records
  return rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] ?? ''])))
}

interface OlistFields {
  readonly orders: Fields[]
  readonly items: Fields[]
  readonly payments: Fields[]
  readonly reviews: Fields[]
  readonly customers: Fields[]
  readonly products: Fields[]
  readonly sellers: Fields[]
  readonly categories: Fields[]
}

/** A row's value as the file has it. */
function textOf(value: unknown): string {
  if (value === null) return ''
  if (value instanceof Date) return value.toISOString().slice(0, 19).replace('T', ' ')
  return String(value)
}

/** Values of the columns, in the order of the file's. */
const textsOf = <Row extends object>(row: Row | undefined, columns: readonly (keyof Row)[]) =>
  row === undefined ? undefined : columns.map((column) => textOf(row[column]))

function groupBy(rows: readonly Fields[], column: string): Map<string, Fields[]> {
  const groups = new Map<string, Fields[]>()
  for (const row of rows) {
    const key = row[column] ?? ''
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return groups
}

const indexBy = (rows: readonly Fields[], column: string): Map<string, Fields> =>
  new Map(rows.map((row) => [row[column] ?? '', row]))

const sumOf = (rows: readonly Fields[], column: string): string =>
  formatCents(rows.reduce((sum, row) => sum + parseCents(row[column] ?? ''), 0))

interface Totals {
  readonly n: number
  readonly price: string | null
  readonly freight: string | null
}

/** Number, price and freight of items by what keyOf says of them, as SQL should answer. */
function totalsBy(items: readonly Fields[], keyOf: (item: Fields) => string | null) {
  const groups = new Map<string | null, Fields[]>()
  for (const item of items) {
    const key = keyOf(item)
    groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return sortedByKey(
    Array.from(groups, ([key, rows]) => ({
      key,
      n: rows.length,
      price: sumOf(rows, 'price'),
      freight: sumOf(rows, 'freight_value'),
    })),
  )
}

const sortedByKey = <Row extends { readonly key: string | null }>(rows: readonly Row[]): Row[] =>
  rows.toSorted((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1))

/** Different orders on each run; the seed is printed, so that a failure can be had again. */
function randomIndexes(count: number, below: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  })
}

describe.skipIf(!HAS_FILES)('the Olist files', () => {
  let files: OlistFields
  let directory = ''
  let db: Database

  beforeAll(async () => {
    files = {
      orders: readFields('olist_orders_dataset'),
      items: readFields('olist_order_items_dataset'),
      payments: readFields('olist_order_payments_dataset'),
      reviews: readFields('olist_order_reviews_dataset'),
      customers: readFields('olist_customers_dataset'),
      products: readFields('olist_products_dataset'),
      sellers: readFields('olist_sellers_dataset'),
      categories: readFields('product_category_name_translation'),
    }
    directory = await mkdtemp(join(tmpdir(), 'olist-test-'))
    const loading = await openDatabase(directory)
    const source = await OlistSource.open(new OlistDirectory(DIRECTORY))
    await loadCommits(loading, commitsOf(source, ROWS_PER_COMMIT), () => {})
    await loading.close()
    // What the tests see comes from files, not from the memory of the load.
    db = await openDatabase(directory)
  }, LOAD_TIMEOUT_MS)

  afterAll(async () => {
    await db?.close()
    if (directory !== '') await rm(directory, { recursive: true })
  })

  it('are all there: as many rows as records', async () => {
    const market = db.tenant(MARKETPLACE)
    for (const [table, rows] of Object.entries(files)) {
      const [found] = await market.query<{ n: number }>(`select count(*) as n from ${table}`)
      expect({ table, n: found?.n }).toEqual({ table, n: rows.length })
    }
    expect(db.tenants()).toHaveLength(files.sellers.length + 1)
  })

  it('give every seller its items, prices and freight', async () => {
    const itemsOf = groupBy(files.items, 'seller_id')
    expect(itemsOf.size).toBeGreaterThan(2_000)
    for (const { seller_id: sellerId = '' } of files.sellers) {
      const [found] = await db.tenant(sellerTenant(sellerId)).sql<Totals>`
        select count(*) as n, sum(price) as price, sum(freight) as freight from items`
      const items = itemsOf.get(sellerId)
      const price = items === undefined ? null : sumOf(items, 'price')
      const freight = items === undefined ? null : sumOf(items, 'freight_value')
      expect({ sellerId, ...found }).toEqual({ sellerId, n: items?.length ?? 0, price, freight })
    }
  }, 60_000)

  it('read back field by field, for random orders with all that belongs to them', async () => {
    const seed = (Date.now() & 0x7fffffff) >>> 0
    console.log(`random orders: seed ${seed}`)
    const byOrder = {
      items: groupBy(files.items, 'order_id'),
      payments: groupBy(files.payments, 'order_id'),
      reviews: groupBy(files.reviews, 'order_id'),
    }
    const customers = indexBy(files.customers, 'customer_id')
    const products = indexBy(files.products, 'product_id')
    const sellers = indexBy(files.sellers, 'seller_id')
    for (const index of randomIndexes(RANDOM_ORDER_COUNT, files.orders.length, seed)) {
      const order = files.orders[index]
      if (order === undefined) throw new RangeError(`no order ${index}`)
      const orderId = order['order_id'] ?? ''
      const items = byOrder.items.get(orderId) ?? []
      const tenants = new Set(items.map((item) => sellerTenant(item['seller_id'] ?? '')))
      for (const tenant of [MARKETPLACE, ...tenants]) {
        const shop = db.tenant(tenant)
        const own = items.filter(
          (item) => tenant === MARKETPLACE || tenant === sellerTenant(item['seller_id'] ?? ''),
        )
        expect(orderTexts(await shop.orders.get(orderId))).toEqual(Object.values(order))
        expect((await shop.items.scan({ prefix: [orderId] }).toArray()).map(itemTexts)).toEqual(
          own.map((item) => Object.values(item)),
        )
        for (const payment of byOrder.payments.get(orderId) ?? []) {
          const key = [orderId, Number(payment['payment_sequential'])] as const
          expect(paymentTexts(await shop.payments.get(key))).toEqual(Object.values(payment))
        }
        for (const review of byOrder.reviews.get(orderId) ?? []) {
          const key = [review['review_id'] ?? '', orderId] as const
          expect(reviewTexts(await shop.reviews.get(key))).toEqual(Object.values(review))
        }
        const customer = customers.get(order['customer_id'] ?? '')
        expect(customer).toBeDefined()
        expect(customerTexts(await shop.customers.get(order['customer_id'] ?? ''))).toEqual(
          Object.values(customer ?? {}),
        )
        for (const item of own) {
          const product = products.get(item['product_id'] ?? '') ?? {}
          expect(productTexts(await shop.products.get(item['product_id'] ?? ''))).toEqual(
            Object.values(product),
          )
          const seller = sellers.get(item['seller_id'] ?? '') ?? {}
          expect(sellerTexts(await shop.sellers.get(item['seller_id'] ?? ''))).toEqual(
            Object.values(seller),
          )
        }
      }
    }
  }, 60_000)

  describe('SQL totals equal those of plain JavaScript', () => {
    type Keyed = Totals & { readonly key: string | null }
    const ask = async (key: string, joins: string): Promise<Keyed[]> => {
      const rows = await db.tenant(MARKETPLACE).query<Keyed>(
        `select ${key} as key, count(*) as n, sum(i.price) as price, sum(i.freight) as freight
         from items as i ${joins} group by ${key}`,
      )
      return sortedByKey(
        rows.map(({ key: group, n, price, freight }) => ({ key: group, n, price, freight })),
      )
    }
    const JOIN_ORDERS = 'join orders as o on i.orderId = o.id'
    const orderOf = (): ((item: Fields) => Fields) => {
      const orders = indexBy(files.orders, 'order_id')
      return (item) => orders.get(item['order_id'] ?? '') ?? {}
    }

    it('by status', { timeout: LOAD_TIMEOUT_MS }, async () => {
      const order = orderOf()
      const expected = totalsBy(files.items, (item) => order(item)['order_status'] ?? null)
      expect(await ask('o.status', JOIN_ORDERS)).toEqual(expected)
    })

    it('by month', async () => {
      const order = orderOf()
      const expected = totalsBy(
        files.items,
        (item) => order(item)['order_purchase_timestamp']?.slice(0, 7) ?? null,
      )
      expect(await ask("strftime('%Y-%m', o.purchasedAt)", JOIN_ORDERS)).toEqual(expected)
    })

    it('by category', async () => {
      const products = indexBy(files.products, 'product_id')
      const expected = totalsBy(
        files.items,
        (item) => products.get(item['product_id'] ?? '')?.['product_category_name'] || null,
      )
      const joins = 'join products as p on i.productId = p.id'
      expect(await ask('p.category', joins)).toEqual(expected)
    })

    it("by the customer's state", async () => {
      const order = orderOf()
      const customers = indexBy(files.customers, 'customer_id')
      const expected = totalsBy(
        files.items,
        (item) => customers.get(order(item)['customer_id'] ?? '')?.['customer_state'] ?? null,
      )
      const joins = `${JOIN_ORDERS} join customers as c on o.customerId = c.id`
      expect(await ask('c.state', joins)).toEqual(expected)
    })
  })
})

type RowOf<
  Name extends 'orders' | 'items' | 'payments' | 'reviews' | 'customers' | 'products' | 'sellers',
> = NonNullable<Awaited<ReturnType<ReturnType<Database['tenant']>[Name]['get']>>>

// The columns of each table in the order of its file.

const orderTexts = (row: RowOf<'orders'> | undefined) =>
  textsOf(row, [
    'id',
    'customerId',
    'status',
    'purchasedAt',
    'approvedAt',
    'shippedAt',
    'deliveredAt',
    'estimatedDeliveryAt',
  ])

const itemTexts = (row: RowOf<'items'>) =>
  textsOf(row, [
    'orderId',
    'itemNumber',
    'productId',
    'sellerId',
    'shippingLimitAt',
    'price',
    'freight',
  ])

const paymentTexts = (row: RowOf<'payments'> | undefined) =>
  textsOf(row, ['orderId', 'paymentNumber', 'method', 'installments', 'amount'])

const reviewTexts = (row: RowOf<'reviews'> | undefined) =>
  textsOf(row, ['id', 'orderId', 'score', 'title', 'message', 'createdAt', 'answeredAt'])

const customerTexts = (row: RowOf<'customers'> | undefined) =>
  textsOf(row, ['id', 'uniqueId', 'zipPrefix', 'city', 'state'])

const sellerTexts = (row: RowOf<'sellers'> | undefined) =>
  textsOf(row, ['id', 'zipPrefix', 'city', 'state'])

const productTexts = (row: RowOf<'products'> | undefined) =>
  textsOf(row, [
    'id',
    'category',
    'nameLength',
    'descriptionLength',
    'photoCount',
    'weightGrams',
    'lengthCm',
    'heightCm',
    'widthCm',
  ])
