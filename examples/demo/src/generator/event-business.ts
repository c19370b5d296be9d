// What an event is about: the shop, a product, the cart with its payment and shipping.

import { formatCents } from '../money.js'
import type { Draw } from './draw.js'
import { instant } from './instant.js'
import { productFacts, type ShopPlan } from './shop.js'

const DAY_MS = 86_400_000
const CURRENCIES = ['BRL', 'USD', 'EUR', 'CAD', 'SEK', 'JPY', 'AUD', 'PLN'] as const

export function businessContext(draw: Draw, shop: ShopPlan, timeMs: number) {
  const product = productContext(draw, shop)
  return {
    tenant_metadata: {
      merchant_id: shop.tenant,
      merchant_tier: shop.number < 10 ? 'enterprise' : draw.pick(['standard', 'startup']),
      industry_vertical: draw.pick(['fashion', 'electronics', 'grocery', 'services']),
      geographic_markets: draw.sample(['BR', 'US', 'CA', 'DE', 'FR', 'ES', 'JP'], 4),
      business_model: draw.pick(['b2c', 'b2b', 'marketplace', 'subscription']),
    },
    transaction_context: {
      products: [product],
      cart_context: cartContext(draw, shop, { timeMs, price: product.pricing.sale_price }),
    },
  }
}

function productContext(draw: Draw, shop: ShopPlan) {
  const facts = productFacts(shop, draw.below(shop.productCount))
  const listPrice = facts.priceCents / 100
  const salePrice = Number(formatCents(Math.round(facts.priceCents * draw.pick([1, 1, 0.9, 0.8]))))
  return {
    product_id: facts.id,
    product_hierarchy: {
      category_l1: facts.category.english,
      category_l2: `${facts.category.english} ${draw.pick(['Basic', 'Plus', 'Studio'])}`,
      category_l3: `Line ${draw.below(40)}`,
      brand: draw.pick(['Aurora', 'Bruma', 'Cobalt', 'Delfim', 'Estrela', 'Falke']),
      model: `Model ${draw.hex(4).toUpperCase()}`,
    },
    pricing: {
      list_price: listPrice,
      sale_price: salePrice,
      cost_basis: Number((salePrice * 0.65).toFixed(2)),
      margin_percentage: draw.decimal(0.1, 0.5, 3),
      tax_category: draw.pick(['standard', 'standard', 'luxury', 'exempt']),
      currency: draw.pick(CURRENCIES),
    },
    inventory: {
      sku_availability: draw.pick(['in_stock', 'in_stock', 'low_stock', 'backorder']),
      quantity_available: draw.below(400),
      warehouse_location: draw.pick(['us_east_1', 'eu_north_1', 'sa_east_1']),
      supplier_id: `supplier_${draw.below(900)}`,
    },
    attributes: {
      color: draw.pick(['Space Black', 'White', 'Blue', 'Red', 'Natural Oak']),
      storage: draw.pick(['64GB', '128GB', '256GB', '512GB']),
      condition: draw.pick(['new', 'new', 'refurbished', 'used']),
      warranty_months: draw.pick([0, 12, 24, 36]),
      dimensions: {
        height: draw.decimal(1, 200, 1),
        width: draw.decimal(1, 200, 1),
        depth: draw.decimal(1, 80, 2),
      },
      weight_grams: facts.weightGrams,
      certifications: draw.sample(['FCC', 'CE', 'RoHS', 'UL', 'TÜV'], 3),
    },
    performance_metrics: {
      view_count_24h: draw.below(5_000),
      conversion_rate_7d: draw.decimal(0, 0.1, 3),
      return_rate_30d: draw.decimal(0, 0.1, 2),
      review_average: draw.decimal(1, 5, 1),
      review_count: draw.below(5_000),
    },
  }
}

interface CartFacts {
  readonly timeMs: number
  readonly price: number
}

function cartContext(draw: Draw, shop: ShopPlan, { timeMs, price }: CartFacts) {
  const amount = (rate: number): number => Number((price * rate).toFixed(2))
  const discountRate = draw.pick([0.05, 0.1, 0.2])
  return {
    cart_id: draw.uuid(),
    cart_value: {
      subtotal: price,
      tax_breakdown: [
        { type: 'state_sales_tax', rate: 0.08, amount: amount(0.08) },
        { type: 'city_tax', rate: 0.01, amount: amount(0.01) },
      ],
      shipping_costs: {
        base_shipping: draw.pick([4.99, 9.99, 14.99]),
        expedited_fee: draw.pick([0, 9.5, 15]),
        insurance: draw.decimal(0, 6, 2),
      },
      discounts_applied: [
        {
          discount_id: `promo_${draw.pick(['winter', 'spring', 'summer', 'welcome'])}`,
          discount_type: draw.pick(['percentage', 'fixed_amount', 'buy_x_get_y']),
          discount_value: discountRate,
          discount_amount: amount(discountRate),
          eligibility_rules: draw.sample(['min_order_1000', 'new_customer', 'vip_only'], 2),
        },
      ],
      loyalty_benefits: {
        points_earned: Math.floor(price / 10),
        points_redeemed: draw.below(100),
        tier_bonus_multiplier: draw.pick([1, 1.25, 1.5, 2]),
        cashback_percentage: draw.pick([0, 0.01, 0.02, 0.05]),
      },
      final_total: amount(1.09 - discountRate),
    },
    payment_context: {
      payment_methods: [paymentMethod(draw, shop)],
      shipping_context: shippingContext(draw, shop, timeMs),
    },
  }
}

function paymentMethod(draw: Draw, shop: ShopPlan) {
  return {
    method_type: draw.pick(['credit_card', 'debit_card', 'digital_wallet', 'bnpl', 'crypto']),
    provider: draw.pick(['visa', 'mastercard', 'amex', 'paypal', 'apple_pay', 'klarna']),
    tokenized_identifier: draw.hex(64),
    billing_address: address(draw, shop),
    risk_signals: {
      first_time_payment: draw.chance(0.2),
      velocity_flag: draw.chance(0.03),
      geo_mismatch: draw.chance(0.05),
      fraud_score: draw.decimal(0, 1, 3),
    },
  }
}

function shippingContext(draw: Draw, shop: ShopPlan, timeMs: number) {
  return {
    shipping_address: { ...address(draw, shop), same_as_billing: draw.chance(0.8) },
    shipping_method: {
      carrier: draw.pick(['fedex', 'ups', 'dhl', 'usps']),
      service_level: draw.pick(['ground', 'ground', 'express', 'overnight', 'same_day']),
      estimated_delivery: instant(timeMs + draw.between(1, 20) * DAY_MS),
      tracking_enabled: draw.chance(0.9),
      signature_required: draw.chance(0.15),
    },
  }
}

function address(draw: Draw, shop: ShopPlan) {
  return {
    address_hash: draw.hex(64),
    country: shop.city.country,
    postal_code: `${shop.city.zip}${draw.between(10, 99)}`,
    address_type: draw.pick(['residential', 'residential', 'commercial', 'po_box']),
  }
}
