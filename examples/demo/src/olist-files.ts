// The eight Olist files: their columns, and what row each record becomes.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readCsv, readFileChunks } from './csv.js'
import { ORDER_STATUSES, PAYMENT_METHODS } from './enumerations.js'
import { OlistRecord } from './olist-record.js'
import type { RowOf } from './schema.js'

interface OlistFile<Row> {
  /** File name without .csv or .csv.gz. */
  readonly name: string
  readonly columns: readonly string[]
  readonly toRow: (record: OlistRecord) => Row
}

const file = <Row>(
  name: string,
  columns: string,
  toRow: (record: OlistRecord) => Row,
): OlistFile<Row> => ({ name, columns: columns.split(' '), toRow })

// The data set has no country: all of it happened in Brazil.
const COUNTRY = 'BR'

export const SELLERS_FILE: OlistFile<RowOf<'sellers'>> = file(
  'olist_sellers_dataset',
  'seller_id seller_zip_code_prefix seller_city seller_state',
  (record) => ({
    id: record.text('seller_id'),
    zipPrefix: record.text('seller_zip_code_prefix'),
    city: record.text('seller_city'),
    state: record.text('seller_state'),
    country: COUNTRY,
  }),
)

export const CATEGORIES_FILE: OlistFile<RowOf<'categories'>> = file(
  'product_category_name_translation',
  'product_category_name product_category_name_english',
  (record) => ({
    name: record.text('product_category_name'),
    english: record.text('product_category_name_english'),
  }),
)

export const CUSTOMERS_FILE: OlistFile<RowOf<'customers'>> = file(
  'olist_customers_dataset',
  'customer_id customer_unique_id customer_zip_code_prefix customer_city customer_state',
  (record) => ({
    id: record.text('customer_id'),
    uniqueId: record.text('customer_unique_id'),
    zipPrefix: record.text('customer_zip_code_prefix'),
    city: record.text('customer_city'),
    state: record.text('customer_state'),
    country: COUNTRY,
  }),
)

/** Products as the file has them; it knows neither price nor stock. */
export const PRODUCTS_FILE: OlistFile<RowOf<'products'>> = file(
  'olist_products_dataset',
  // "lenght" is how the files spell it.
  'product_id product_category_name product_name_lenght product_description_lenght' +
    ' product_photos_qty product_weight_g product_length_cm product_height_cm product_width_cm',
  (record) => ({
    id: record.text('product_id'),
    category: record.textOrNull('product_category_name'),
    nameLength: record.integerOrNull('product_name_lenght'),
    descriptionLength: record.integerOrNull('product_description_lenght'),
    photoCount: record.integerOrNull('product_photos_qty'),
    weightGrams: record.integerOrNull('product_weight_g'),
    lengthCm: record.integerOrNull('product_length_cm'),
    heightCm: record.integerOrNull('product_height_cm'),
    widthCm: record.integerOrNull('product_width_cm'),
    price: null,
    stock: null,
  }),
)

/** Orders as the file has them; the total comes from the items. */
export const ORDERS_FILE: OlistFile<RowOf<'orders'>> = file(
  'olist_orders_dataset',
  'order_id customer_id order_status order_purchase_timestamp order_approved_at' +
    ' order_delivered_carrier_date order_delivered_customer_date order_estimated_delivery_date',
  (record) => ({
    id: record.text('order_id'),
    customerId: record.text('customer_id'),
    status: record.oneOf('order_status', ORDER_STATUSES),
    purchasedAt: record.time('order_purchase_timestamp'),
    approvedAt: record.timeOrNull('order_approved_at'),
    shippedAt: record.timeOrNull('order_delivered_carrier_date'),
    deliveredAt: record.timeOrNull('order_delivered_customer_date'),
    estimatedDeliveryAt: record.time('order_estimated_delivery_date'),
    total: '0.00',
  }),
)

export const ITEMS_FILE: OlistFile<RowOf<'items'>> = file(
  'olist_order_items_dataset',
  'order_id order_item_id product_id seller_id shipping_limit_date price freight_value',
  (record) => ({
    orderId: record.text('order_id'),
    itemNumber: record.integer('order_item_id'),
    productId: record.text('product_id'),
    sellerId: record.text('seller_id'),
    shippingLimitAt: record.time('shipping_limit_date'),
    price: record.amount('price'),
    freight: record.amount('freight_value'),
  }),
)

export const PAYMENTS_FILE: OlistFile<RowOf<'payments'>> = file(
  'olist_order_payments_dataset',
  'order_id payment_sequential payment_type payment_installments payment_value',
  (record) => ({
    orderId: record.text('order_id'),
    paymentNumber: record.integer('payment_sequential'),
    method: record.oneOf('payment_type', PAYMENT_METHODS),
    installments: record.integer('payment_installments'),
    amount: record.amount('payment_value'),
  }),
)

export const REVIEWS_FILE: OlistFile<RowOf<'reviews'>> = file(
  'olist_order_reviews_dataset',
  'review_id order_id review_score review_comment_title review_comment_message' +
    ' review_creation_date review_answer_timestamp',
  (record) => ({
    id: record.text('review_id'),
    orderId: record.text('order_id'),
    score: record.integer('review_score'),
    title: record.textOrNull('review_comment_title'),
    message: record.textOrNull('review_comment_message'),
    createdAt: record.time('review_creation_date'),
    answeredAt: record.time('review_answer_timestamp'),
  }),
)

const ALL_FILES: readonly { readonly name: string }[] = [
  SELLERS_FILE,
  CATEGORIES_FILE,
  CUSTOMERS_FILE,
  PRODUCTS_FILE,
  ORDERS_FILE,
  ITEMS_FILE,
  PAYMENTS_FILE,
  REVIEWS_FILE,
]

/** The files of one directory; counts what was read of them. */
export class OlistDirectory {
  readonly #pathOf = new Map<string, string>()
  #totalBytes = 0
  #readBytes = 0

  /** Finds the eight files, as .csv or .csv.gz, and says which are missing. */
  constructor(directory: string) {
    const missing: string[] = []
    for (const { name } of ALL_FILES) {
      const path = [`${name}.csv`, `${name}.csv.gz`]
        .map((fileName) => join(directory, fileName))
        .find((candidate) => existsSync(candidate))
      if (path === undefined) missing.push(`${name}.csv[.gz]`)
      else {
        this.#pathOf.set(name, path)
        this.#totalBytes += statSync(path).size
      }
    }
    if (missing.length > 0) throw new Error(`not in ${directory}: ${missing.join(', ')}`)
  }

  /** How much of all files was read, 0 to 1. */
  get fraction(): number {
    return Math.min(1, this.#readBytes / this.#totalBytes)
  }

  async *rows<Row>({ name, columns, toRow }: OlistFile<Row>): AsyncGenerator<Row> {
    const path = this.#pathOf.get(name)
    if (path === undefined) throw new RangeError(`no file ${name}`)
    const record = new OlistRecord(columns)
    const chunks = readFileChunks(path, (byteCount) => {
      this.#readBytes += byteCount
    })
    try {
      for await (const batch of readCsv(chunks, columns)) {
        for (const fields of batch) yield toRow(record.show(fields))
      }
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${path}: ${problem}`, { cause })
    }
  }
}
