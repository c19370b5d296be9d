// The tables of a shop. Every shop is a tenant and has all of them to itself: no table carries a tenant column, and no
// query has to filter by one.

import { type Row, t, table } from 'tabularium'
import { ORDER_STATUSES, PAYMENT_METHODS } from './enumerations.js'
import type { CommerceEvent } from './generator/event.js'

const sellers = table(
  'sellers',
  { id: t.text(), zipPrefix: t.text(), city: t.text(), state: t.text(), country: t.text() },
  { primaryKey: ['id'] },
)

const categories = table(
  'categories',
  { name: t.text(), english: t.text() },
  { primaryKey: ['name'] },
)

const customers = table(
  'customers',
  {
    id: t.text(),
    uniqueId: t.text(),
    zipPrefix: t.text(),
    city: t.text(),
    state: t.text(),
    country: t.text(),
  },
  { primaryKey: ['id'] },
)

const products = table(
  'products',
  {
    id: t.text(),
    category: t.text().nullable(),
    nameLength: t.int().nullable(),
    descriptionLength: t.int().nullable(),
    photoCount: t.int().nullable(),
    weightGrams: t.int().nullable(),
    lengthCm: t.int().nullable(),
    heightCm: t.int().nullable(),
    widthCm: t.int().nullable(),
    /** What the shop asks for it today. */
    price: t.decimal(12, 2).nullable(),
    stock: t.int().nullable(),
  },
  { primaryKey: ['id'] },
)

const orders = table(
  'orders',
  {
    id: t.text(),
    customerId: t.text(),
    status: t.enum(ORDER_STATUSES),
    purchasedAt: t.timestamp(),
    approvedAt: t.timestamp().nullable(),
    shippedAt: t.timestamp().nullable(),
    deliveredAt: t.timestamp().nullable(),
    estimatedDeliveryAt: t.timestamp(),
    /** Price and freight of this shop's items in the order. */
    total: t.decimal(12, 2),
  },
  {
    primaryKey: ['id'],
    indexes: { byCustomer: ['customerId', 'purchasedAt'], byPurchasedAt: ['purchasedAt'] },
  },
)

const items = table(
  'items',
  {
    orderId: t.text(),
    itemNumber: t.int(),
    productId: t.text(),
    sellerId: t.text(),
    shippingLimitAt: t.timestamp(),
    price: t.decimal(12, 2),
    freight: t.decimal(12, 2),
  },
  { primaryKey: ['orderId', 'itemNumber'] },
)

const payments = table(
  'payments',
  {
    orderId: t.text(),
    paymentNumber: t.int(),
    method: t.enum(PAYMENT_METHODS),
    installments: t.int(),
    amount: t.decimal(12, 2),
  },
  { primaryKey: ['orderId', 'paymentNumber'] },
)

const reviews = table(
  'reviews',
  {
    id: t.text(),
    orderId: t.text(),
    score: t.int(),
    title: t.text().nullable(),
    message: t.text().nullable(),
    createdAt: t.timestamp(),
    answeredAt: t.timestamp(),
  },
  { primaryKey: ['id', 'orderId'] },
)

const events = table(
  'events',
  {
    id: t.uuid(),
    occurredAt: t.timestamp(),
    kind: t.text(),
    body: t.json<CommerceEvent>(),
  },
  { primaryKey: ['id'] },
)

export const tables = {
  sellers,
  categories,
  customers,
  products,
  orders,
  items,
  payments,
  reviews,
  events,
}

export type TableName = keyof typeof tables
export type RowOf<Name extends TableName> = Row<(typeof tables)[Name]>
