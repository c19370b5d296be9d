import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OlistSource } from '../../examples/demo/dist/olist.js'
import { OlistDirectory } from '../../examples/demo/dist/olist-files.js'
import type { RowOf, TableName } from '../../examples/demo/dist/schema.js'
import type { Change } from '../../examples/demo/dist/source.js'

// Invented rows in the form of the eight files. Two sellers share order o1; o2 has no item; o9 has a payment only;
// s3 sells nothing; p3 is never sold.
const FILES = {
  olist_sellers_dataset: `seller_id,seller_zip_code_prefix,seller_city,seller_state
s1,01001,here,SP
s2,02002,there,RJ
s3,03003,"far, away",MG
`,
  product_category_name_translation: `product_category_name,product_category_name_english
livros,books
`,
  olist_customers_dataset: `customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state
c1,u1,00100,x,SP
c2,u2,00200,y,BA
c3,u3,00300,z,PR
`,
  olist_products_dataset: `product_id,product_category_name,product_name_lenght,product_description_lenght,product_photos_qty,product_weight_g,product_length_cm,product_height_cm,product_width_cm
p1,livros,10,20,1,100,1,2,3
p2,,,,,,,,
p3,livros,11,21,2,101,4,5,6
`,
  olist_orders_dataset: `order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date
o1,c1,delivered,2017-01-02 03:04:05,2017-01-02 04:00:00,2017-01-03 00:00:00,2017-01-09 10:00:00,2017-01-20 00:00:00
o2,c2,unavailable,2017-02-03 00:00:00,,,,2017-03-01 00:00:00
`,
  olist_order_items_dataset: `order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value
o1,1,p1,s1,2017-01-05 00:00:00,10.00,1.50
o1,2,p1,s2,2017-01-05 00:00:00,11.00,2.50
o1,3,p2,s1,2017-01-05 00:00:00,0.99,0.00
`,
  olist_order_payments_dataset: `order_id,payment_sequential,payment_type,payment_installments,payment_value
o1,1,credit_card,3,25.99
o9,1,boleto,1,7.00
`,
  olist_order_reviews_dataset: `review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,review_answer_timestamp
r1,o1,5,,"good,
very ""good""",2017-01-10 00:00:00,2017-01-11 12:00:00
`,
}
type FileName = keyof typeof FILES

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'olist-'))
  for (const [i, [name, text]] of Object.entries(FILES).entries()) {
    // Half of them packed: both kinds must do.
    const path = join(directory, `${name}.csv`)
    if (i % 2 === 0) await writeFile(path, text)
    else await writeFile(`${path}.gz`, gzipSync(text))
  }
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

async function load(): Promise<Change[]> {
  const source = await OlistSource.open(new OlistDirectory(directory))
  const changes: Change[] = []
  let lastFraction = 0
  for await (const unit of source.units()) {
    changes.push(...unit.changes)
    expect(unit.fraction).toBeGreaterThanOrEqual(lastFraction)
    lastFraction = unit.fraction
  }
  expect(lastFraction).toBe(1)
  return changes
}

/** 'table key' of each row of a tenant, sorted. */
function keysOf(changes: readonly Change[], tenant: string): string[] {
  const keys = changes
    .filter((change) => change.tenant === tenant)
    .map((change) => {
      if (change.table === 'items') return `items ${change.row.orderId}/${change.row.itemNumber}`
      if (change.table === 'payments') return `payments ${change.row.orderId}`
      if (change.table === 'categories') return `categories ${change.row.name}`
      return `${change.table} ${change.row.id}`
    })
  return keys.toSorted()
}

/** The first row of a tenant's table. */
function rowOf<Name extends TableName>(
  changes: readonly Change[],
  tenant: string,
  table: Name,
): RowOf<Name> | undefined {
  const change = changes.find((one) => one.tenant === tenant && one.table === table)
  return change?.row as RowOf<Name> | undefined
}

async function replace(name: FileName, from: string, to: string): Promise<void> {
  expect(FILES[name]).toContain(from)
  await rm(join(directory, `${name}.csv.gz`), { force: true })
  await writeFile(join(directory, `${name}.csv`), FILES[name].replace(from, to))
}

describe('OlistSource', () => {
  it('gives the marketplace every row of every file, once', async () => {
    const keys = keysOf(await load(), 'marketplace')
    expect(keys).toEqual([
      'categories livros',
      'customers c1',
      'customers c2',
      'customers c3',
      'items o1/1',
      'items o1/2',
      'items o1/3',
      'orders o1',
      'orders o2',
      'payments o1',
      'payments o9',
      'products p1',
      'products p2',
      'products p3',
      'reviews r1',
      'sellers s1',
      'sellers s2',
      'sellers s3',
    ])
  })

  it('gives each seller what it sold and what belongs to it', async () => {
    const changes = await load()
    expect(keysOf(changes, 'seller-s1')).toEqual([
      'customers c1',
      'items o1/1',
      'items o1/3',
      'orders o1',
      'payments o1',
      'products p1',
      'products p2',
      'reviews r1',
      'sellers s1',
    ])
    expect(keysOf(changes, 'seller-s2')).toEqual([
      'customers c1',
      'items o1/2',
      'orders o1',
      'payments o1',
      'products p1',
      'reviews r1',
      'sellers s2',
    ])
    expect(keysOf(changes, 'seller-s3')).toEqual(['sellers s3'])
    expect(new Set(changes.map(({ tenant }) => tenant)).size).toBe(4)
  })

  it('keeps every field, empty ones as null, and derives total and price per tenant', async () => {
    const changes = await load()
    expect(rowOf(changes, 'seller-s1', 'orders')).toEqual({
      id: 'o1',
      customerId: 'c1',
      status: 'delivered',
      purchasedAt: new Date('2017-01-02T03:04:05Z'),
      approvedAt: new Date('2017-01-02T04:00:00Z'),
      shippedAt: new Date('2017-01-03T00:00:00Z'),
      deliveredAt: new Date('2017-01-09T10:00:00Z'),
      estimatedDeliveryAt: new Date('2017-01-20T00:00:00Z'),
      total: '12.49',
    })
    expect(rowOf(changes, 'seller-s2', 'orders')?.total).toBe('13.50')
    expect(rowOf(changes, 'marketplace', 'orders')?.total).toBe('25.99')
    expect(rowOf(changes, 'seller-s1', 'products')?.price).toBe('10.00')
    expect(rowOf(changes, 'marketplace', 'products')?.price).toBe('11.00')
    expect(rowOf(changes, 'seller-s3', 'sellers')).toMatchObject({ zipPrefix: '03003' })
    expect(rowOf(changes, 'seller-s2', 'reviews')).toEqual({
      id: 'r1',
      orderId: 'o1',
      score: 5,
      title: null,
      message: 'good,\nvery "good"',
      createdAt: new Date('2017-01-10T00:00:00Z'),
      answeredAt: new Date('2017-01-11T12:00:00Z'),
    })
  })

  it('looks closely at the seller with the most items', async () => {
    const source = await OlistSource.open(new OlistDirectory(directory))
    expect(source.focusTenant).toBe('seller-s1')
  })

  it('keeps an item whose order is not there', async () => {
    await replace('olist_order_items_dataset', 'o1,3,', 'o7,1,')
    const changes = await load()
    expect(keysOf(changes, 'marketplace')).toContain('items o7/1')
    expect(keysOf(changes, 'seller-s1')).toContain('items o7/1')
    expect(keysOf(changes, 'seller-s1')).not.toContain('orders o7')
  })

  it.each<[FileName, string, string, string]>([
    ['olist_orders_dataset', 'delivered,2017', 'eaten,2017', 'line 2: order_status is "eaten"'],
    ['olist_orders_dataset', '02-03 00', '02-31 00', 'line 3: order_purchase_timestamp'],
    ['olist_order_items_dataset', '11.00', '11', 'line 3: price is "11", not an amount'],
    ['olist_order_payments_dataset', ',3,', ',x,', 'line 2: payment_installments is "x"'],
    ['olist_sellers_dataset', 's2,', ',', 'line 3: seller_id is "", not a text'],
    ['olist_order_reviews_dataset', 'review_id', 'id', 'line 1: columns are id,order_id'],
  ])('refuses a wrong field of %s: %s -> %s', async (name, from, to, message) => {
    await replace(name, from, to)
    await expect(load()).rejects.toThrow(message)
    await expect(load()).rejects.toThrow(name)
  })

  it('names the files that are missing', async () => {
    await rm(join(directory, 'olist_sellers_dataset.csv'))
    expect(() => new OlistDirectory(directory)).toThrow('olist_sellers_dataset.csv[.gz]')
  })
})
