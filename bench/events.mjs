// Events of a shop for every benchmark here: nested objects of some 8 KB of JSON over 1,000 tenants. Event i is the same in
// every process; texts are flat, and bodies come back after 4,096 events, each with an id and times of its own.
import { t, table } from 'tabularium'
import { orderId, seeded, tenantName, tenantOf } from './orders.mjs'

const BODY_COUNT = 1 << 12
const START_MS = Date.UTC(2026, 0, 1)
const COUNTRIES = ['US', 'CA', 'GB', 'DE', 'FR', 'SE', 'JP', 'AU', 'BR', 'IN', 'ES', 'IT']
const CURRENCIES = ['USD', 'EUR', 'GBP', 'JPY', 'CAD', 'AUD', 'SEK', 'INR']
const BRANDS = ['Northwind', 'Contoso', 'Fabrikam', 'Acme', 'Globex', 'Initech', 'Umbrella']

export const eventTable = table('events', { id: t.text(), body: t.json() }, { primaryKey: ['id'] })

/** Draws of one seed: what the parts of an event are made of. */
function drawer(seed) {
  const random = seeded(seed)
  const below = (count) => Math.floor(random() * count)
  const pick = (values) => values[below(values.length)]
  const list = (min, max, make) => Array.from({ length: min + below(max - min + 1) }, make)
  const hex = (digits) => {
    let text = ''
    while (text.length < digits) text += below(0x1_0000).toString(16).padStart(4, '0')
    return text.slice(0, digits)
  }
  return {
    random,
    below,
    pick,
    list,
    hex,
    flag: (share = 0.5) => random() < share,
    share: (digits = 2) => Number(random().toFixed(digits)),
    amount: (max) => Number((random() * max).toFixed(2)),
    some: (values, min, max) => list(min, max, () => pick(values)),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    moment: (spanMs) => new Date(START_MS - below(spanMs)).toISOString(),
  }
}

function userContext({ below, pick, flag, share, amount, some, hex, uuid, moment }, country) {
  return {
    user_id: hex(40),
    anonymous_id: uuid(),
    session_data: {
      session_id: uuid(),
      session_start: moment(3e6),
      session_sequence: below(60),
      session_attributes: {
        device_fingerprint: hex(40),
        geolocation: {
          country,
          region: `region-${below(40)}`,
          city: `City ${below(800)}`,
          coordinates: { lat: below(900_000) / 1e4, lon: below(1_800_000) / 1e4 },
          accuracy_meters: below(500),
          ip_derived: flag(),
        },
        user_agent_parsed: {
          browser: {
            name: pick(['Chrome', 'Firefox', 'Safari', 'Edge']),
            version: `${100 + below(30)}.0.${below(10)}`,
          },
          os: {
            name: pick(['Windows', 'macOS', 'iOS', 'Android', 'Linux']),
            version: String(8 + below(10)),
          },
          device: {
            type: pick(['desktop', 'mobile', 'tablet']),
            brand: pick(['Dell', 'Apple', 'Samsung', 'HP']),
          },
        },
      },
    },
    user_profile: {
      account_type: pick(['premium', 'standard', 'trial', 'enterprise']),
      registration_date: moment(6e10),
      verification_status: pick(['verified', 'pending', 'unverified']),
      risk_profile: {
        fraud_score: share(),
        credit_rating: pick(['A', 'B', 'C', 'D']),
        behavioral_flags: some(['high_velocity', 'geo_anomaly', 'new_device', 'night_owl'], 0, 3),
      },
      preferences: {
        communication_channels: some(['email', 'sms', 'push'], 1, 3),
        privacy_settings: {
          tracking_consent: flag(),
          marketing_consent: flag(),
          analytics_consent: flag(),
        },
      },
      segmentation: {
        customer_tier: pick(['platinum', 'gold', 'silver', 'bronze']),
        lifecycle_stage: pick(['acquisition', 'activation', 'retention', 'resurrection']),
        behavioral_segments: some(['high_spender', 'mobile_first', 'price_sensitive'], 1, 3),
        predictive_scores: {
          churn_probability: share(),
          lifetime_value: amount(5000),
          next_purchase_days: below(90),
        },
      },
    },
  }
}

function product({ below, pick, share, amount, some }) {
  const salePrice = amount(1500)
  return {
    product_id: `sku_${below(1e6)}`,
    product_hierarchy: {
      category_l1: pick(['Electronics', 'Fashion', 'Grocery', 'Home', 'Sports', 'Toys']),
      category_l2: `Cat2-${below(60)}`,
      category_l3: `Cat3-${below(400)}`,
      brand: pick(BRANDS),
      model: `Model ${below(5000)}`,
    },
    pricing: {
      list_price: amount(1500),
      sale_price: salePrice,
      cost_basis: Number((salePrice * 0.7).toFixed(2)),
      margin_percentage: share(3),
      tax_category: pick(['standard', 'luxury', 'exempt']),
      currency: pick(CURRENCIES),
    },
    inventory: {
      sku_availability: pick(['in_stock', 'low_stock', 'backorder', 'discontinued']),
      quantity_available: below(500),
      warehouse_location: pick(['us_east_1', 'us_west_2', 'eu_north_1']),
      supplier_id: `supplier_${below(900)}`,
    },
    attributes: {
      color: pick(['Space Black', 'White', 'Blue', 'Red', 'Natural Titanium']),
      storage: pick(['64GB', '128GB', '256GB', '512GB']),
      condition: pick(['new', 'refurbished', 'used']),
      warranty_months: pick([0, 12, 24, 36]),
      dimensions: { height: amount(200), width: amount(200), depth: amount(50) },
      weight_grams: below(5000),
      certifications: some(['FCC', 'CE', 'RoHS', 'UL'], 1, 3),
    },
    performance_metrics: {
      view_count_24h: below(5000),
      conversion_rate_7d: share(3),
      return_rate_30d: share(2),
      review_average: amount(5),
      review_count: below(5000),
    },
  }
}

function address({ below, pick, hex }, country) {
  return {
    address_hash: hex(40),
    country,
    postal_code: String(below(99_999)).padStart(5, '0'),
    address_type: pick(['residential', 'commercial', 'po_box']),
  }
}

function cart(draw, country) {
  const { below, pick, list, flag, share, amount, some, hex, uuid, moment } = draw
  return {
    cart_id: uuid(),
    cart_value: {
      subtotal: amount(3000),
      tax_breakdown: list(1, 3, () => ({
        type: pick(['state_sales_tax', 'city_tax', 'vat']),
        rate: share(),
        amount: amount(200),
      })),
      shipping_costs: { base_shipping: 9.99, expedited_fee: amount(20), insurance: amount(8) },
      discounts_applied: list(0, 2, () => ({
        discount_id: `promo_${below(300)}`,
        discount_type: pick(['percentage', 'fixed_amount', 'buy_x_get_y']),
        discount_value: share(),
        discount_amount: amount(200),
        eligibility_rules: some(['min_order_1000', 'new_customer', 'vip_only'], 1, 2),
      })),
      loyalty_benefits: {
        points_earned: below(400),
        points_redeemed: below(100),
        tier_bonus_multiplier: amount(3),
        cashback_percentage: share(),
      },
      final_total: amount(3000),
    },
    payment_context: {
      payment_methods: list(1, 2, () => ({
        method_type: pick(['credit_card', 'debit_card', 'digital_wallet', 'bnpl', 'crypto']),
        provider: pick(['visa', 'mastercard', 'amex', 'paypal', 'klarna']),
        tokenized_identifier: hex(40),
        billing_address: address(draw, country),
        risk_signals: {
          first_time_payment: flag(),
          velocity_flag: flag(),
          geo_mismatch: flag(),
          fraud_score: share(),
        },
      })),
      shipping_context: {
        shipping_address: { ...address(draw, country), same_as_billing: flag() },
        shipping_method: {
          carrier: pick(['fedex', 'ups', 'dhl', 'usps']),
          service_level: pick(['ground', 'express', 'overnight', 'same_day']),
          estimated_delivery: moment(3e8),
          tracking_enabled: flag(),
          signature_required: flag(),
        },
      },
    },
  }
}

function interactionContext({ below, pick, list, flag, share, moment }) {
  return {
    touchpoint_journey: list(1, 4, () => ({
      touchpoint: pick(['google_search', 'email_campaign', 'social', 'direct']),
      campaign_id: `camp_${below(200)}`,
      timestamp: moment(1e6),
      attribution_weight: share(),
    })),
    page_context: {
      page_type: pick(['product_detail', 'category', 'checkout', 'search_results']),
      page_url: `https://example.com/products/p-${below(1e6)}`,
      referrer_url: `https://example.org/search?q=p+${below(1e6)}`,
      page_load_metrics: {
        time_to_first_byte: below(400),
        first_contentful_paint: below(2000),
        largest_contentful_paint: below(3000),
        cumulative_layout_shift: share(),
        first_input_delay: below(60),
      },
      user_interactions: list(1, 5, (_unused, sequence) => ({
        interaction_type: pick(['click', 'scroll', 'hover', 'form_input']),
        element_id: pick(['add_to_cart_button', 'buy_now', 'image', 'search_box']),
        timestamp: moment(1e5),
        coordinates: { x: below(1900), y: below(1000) },
        interaction_sequence: sequence,
      })),
    },
    experiment_context: {
      active_experiments: list(1, 2, () => ({
        experiment_id: `exp_v${below(50)}`,
        variant: pick(['control', 'treatment_a', 'treatment_b']),
        allocation_timestamp: moment(9e5),
        experiment_type: pick(['ui_test', 'algorithm_test', 'feature_flag']),
      })),
      feature_flags: list(1, 3, () => ({
        flag_name: `flag_${below(80)}`,
        enabled: flag(),
        variant: `v${below(4)}`,
        rollout_percentage: below(100),
      })),
    },
  }
}

function technicalContext({ below, pick, flag, share, hex, uuid }) {
  return {
    infrastructure_metadata: {
      processing_region: 'us-east-1',
      availability_zone: `us-east-1${pick(['a', 'b', 'c'])}`,
      server_instance: `web-server-${below(200)}`,
      load_balancer: `alb-prod-web-0${below(4)}`,
      cdn_edge_location: `edge_${below(60)}`,
    },
    performance_telemetry: {
      request_id: uuid(),
      trace_id: uuid(),
      parent_span_id: uuid(),
      processing_time_ms: below(200),
      memory_usage_mb: below(500),
      cpu_utilization: share(),
      network_latency_ms: below(80),
      database_query_time_ms: below(40),
      cache_hit_ratio: share(),
    },
    security_context: {
      request_signature: hex(40),
      api_key_hash: hex(40),
      rate_limit_remaining: below(10_000),
      security_flags: {
        suspicious_user_agent: flag(0.02),
        tor_exit_node: flag(0.01),
        known_bot: flag(0.03),
        geo_blocked: flag(0.01),
      },
    },
    data_lineage: {
      upstream_systems: ['user_service', 'product_catalog', 'inventory_service'],
      transformation_applied: ['pii_tokenization', 'geo_enrichment', 'fraud_scoring'],
      downstream_targets: ['data_warehouse', 'ml_feature_store', 'audit_log'],
    },
  }
}

function modelContext({ below, pick, list, share, some }) {
  const features = () => list(5, 5, () => share())
  return {
    feature_vectors: {
      user_features: features(),
      product_features: features(),
      contextual_features: features(),
    },
    model_scores: {
      fraud_detection: {
        model_version: 'fraud_v3.2.1',
        score: share(),
        confidence: share(),
        explanation: some(['low_velocity', 'known_device', 'normal_geo', 'new_card'], 1, 3),
      },
      recommendation: {
        model_version: 'rec_v2.1.0',
        recommendations: list(2, 4, () => ({
          product_id: `sku_${below(1e6)}`,
          score: share(),
          reason: pick(['collaborative_filtering', 'content_based', 'trending']),
        })),
      },
      churn_prediction: {
        model_version: 'churn_v1.5.2',
        churn_probability: share(),
        days_to_churn: below(90),
        intervention_recommended: pick(['discount_offer', 'none', 'call']),
      },
    },
  }
}

function makeBody(draw) {
  const { below, pick, list, flag, some, uuid, random } = draw
  const country = pick(COUNTRIES)
  const tenant = tenantName(tenantOf(random))
  return {
    schema_version: '2.1',
    tenant_id: tenant,
    partition_key: `${pick(['user_region_hash', 'tenant_hash'])}_${below(64)}`,
    event_metadata: {
      event_id: '',
      correlation_id: uuid(),
      causation_id: uuid(),
      timestamp: '',
      source_system: pick(['web_app', 'mobile_app', 'api', 'batch_import']),
      event_version: `1.2.${below(5)}`,
      processing_flags: {
        requires_enrichment: flag(),
        pii_contains: flag(),
        gdpr_subject: flag(),
        audit_required: flag(),
      },
    },
    event_data: {
      event_type: pick(['user_interaction', 'transaction', 'system_event', 'ml_inference']),
      event_subtype: pick(['page_view', 'purchase', 'fraud_score', 'recommendation_click']),
      user_context: userContext(draw, country),
      business_context: {
        tenant_metadata: {
          merchant_id: tenant,
          merchant_tier: pick(['enterprise', 'standard', 'startup']),
          industry_vertical: pick(['fashion', 'electronics', 'grocery', 'services']),
          geographic_markets: some(COUNTRIES, 1, 5),
          business_model: pick(['b2c', 'b2b', 'marketplace', 'subscription']),
        },
        transaction_context: {
          products: list(1, 2, () => product(draw)),
          cart_context: cart(draw, country),
        },
      },
      interaction_context: interactionContext(draw),
      technical_context: technicalContext(draw),
    },
    ml_context: modelContext(draw),
  }
}

let bodies

function bodyOf(i) {
  if (bodies === undefined) {
    const draw = drawer(2)
    const made = Array.from({ length: BODY_COUNT }, () => makeBody(draw))
    bodies = JSON.parse(JSON.stringify(made))
  }
  return bodies[i & (BODY_COUNT - 1)]
}

export const tenantOfEvent = (i) => bodyOf(i).tenant_id

/** No two alike and in no order: as UUIDs of version 4. */
export function eventId(i) {
  const id = orderId(Math.imul(i + 1, 0x9e3779b1) >>> 0)
  return `${id.slice(28)}-${id.slice(24, 28)}-4${id.slice(15)}`.slice(0, 36)
}

export function event(i) {
  const body = bodyOf(i)
  const { event_metadata: metadata } = body
  const timestamp = new Date(START_MS + i * 26).toISOString()
  return { ...body, event_metadata: { ...metadata, event_id: eventId(i), timestamp } }
}
