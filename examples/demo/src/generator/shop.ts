// What a generated shop is made of. Everything follows from seed, shop and number alone, so a product that an order
// needs is made again instead of being remembered: the generator's memory does not grow with the data.

import { formatCents } from '../money.js'
import type { RowOf } from '../schema.js'
import { Draw } from './draw.js'
import { CATEGORIES, type Category, CITIES, type City } from './words.js'

// Which stream of draws a seed starts.
const STREAM_SHOP = 1
const STREAM_PRODUCT = 2
const STREAM_CUSTOMER = 3

export interface ShopPlan {
  readonly seed: number
  readonly number: number
  readonly tenant: string
  readonly city: City
  readonly categories: readonly Category[]
  readonly productCount: number
  readonly customerCount: number
}

/** Plans shop `number` (from 0) for about this many orders. */
export function planShop(seed: number, number: number, expectedOrders: number): ShopPlan {
  const draw = new Draw(seed, STREAM_SHOP, number)
  const productCount = 4 + Math.ceil(1.5 * Math.sqrt(expectedOrders))
  // Large shops sell many kinds of things.
  const categoryCount = Math.round(Math.log2(productCount)) + draw.between(0, 2)
  return {
    seed,
    number,
    tenant: shopName(number),
    city: drawCity(draw),
    categories: draw.sample(CATEGORIES, categoryCount),
    productCount,
    customerCount: 2 + Math.ceil(0.6 * expectedOrders),
  }
}

export const shopName = (number: number): string => `shop-${String(number + 1).padStart(4, '0')}`

export function sellerOf(shop: ShopPlan): RowOf<'sellers'> {
  return { id: shop.tenant, ...addressOf(new Draw(shop.seed, STREAM_SHOP, shop.number), shop.city) }
}

/** What a product of the shop asks for, in cents, and where it belongs. */
export interface ProductFacts {
  readonly id: string
  readonly category: Category
  readonly priceCents: number
  readonly weightGrams: number
}

export function productFacts(shop: ShopPlan, product: number): ProductFacts {
  return drawProduct(new Draw(shop.seed, STREAM_PRODUCT, shop.number, product), shop, product)
}

export function productOf(shop: ShopPlan, product: number): RowOf<'products'> {
  const draw = new Draw(shop.seed, STREAM_PRODUCT, shop.number, product)
  const facts = drawProduct(draw, shop, product)
  return {
    id: facts.id,
    category: facts.category.name,
    nameLength: draw.between(20, 64),
    descriptionLength: draw.between(80, 2_400),
    photoCount: 1 + draw.below(6),
    weightGrams: facts.weightGrams,
    lengthCm: draw.between(8, 90),
    heightCm: draw.between(2, 60),
    widthCm: draw.between(6, 70),
    price: formatCents(facts.priceCents),
    stock: draw.between(0, 400),
  }
}

export const customerId = (customer: number): string =>
  `customer-${String(customer + 1).padStart(6, '0')}`

export function customerOf(shop: ShopPlan, customer: number): RowOf<'customers'> {
  const draw = new Draw(shop.seed, STREAM_CUSTOMER, shop.number, customer)
  const address = addressOf(draw, drawCity(draw))
  return { id: customerId(customer), uniqueId: draw.hex(16), ...address }
}

function drawProduct(draw: Draw, shop: ShopPlan, product: number): ProductFacts {
  const category = draw.pick(shop.categories)
  // Most prices lie below the typical one, a few far above, and nearly all end in 90 or 99.
  const rawCents = category.typicalCents * (0.3 + draw.unit() ** 3 * 4)
  const priceCents = Math.floor(rawCents / 100) * 100 + draw.pick([90, 99, 99, 50])
  return {
    id: `sku-${String(product + 1).padStart(5, '0')}`,
    category,
    priceCents,
    weightGrams: draw.between(5, 90) * Math.ceil(priceCents / 2_000),
  }
}

/** Low numbers are far more likely: the square of a draw. */
const drawCity = (draw: Draw): City =>
  CITIES[Math.floor(draw.unit() ** 2 * CITIES.length)] ?? draw.pick(CITIES)

function addressOf(draw: Draw, city: City) {
  const zipPrefix = `${city.zip}${String(draw.below(100)).padStart(2, '0')}`
  return { zipPrefix, city: city.city, state: city.state, country: city.country }
}
