// The closed lists of the shop's tables, shared by the schema, the generator and the loader of the Olist files.

export const ORDER_STATUSES = [
  'created',
  'approved',
  'invoiced',
  'processing',
  'shipped',
  'delivered',
  'unavailable',
  'canceled',
] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

export const PAYMENT_METHODS = [
  'credit_card',
  'debit_card',
  'boleto',
  'voucher',
  'wallet',
  'not_defined',
] as const
export type PaymentMethod = (typeof PAYMENT_METHODS)[number]
