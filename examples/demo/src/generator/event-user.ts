// Who caused an event: session, device, place, profile.

import type { Draw } from './draw.js'
import { instant } from './instant.js'
import type { ShopPlan } from './shop.js'
import { CITIES } from './words.js'

const DAY_MS = 86_400_000

export function userContext(draw: Draw, shop: ShopPlan, timeMs: number) {
  return {
    user_id: draw.hex(64),
    anonymous_id: draw.uuid(),
    session_data: {
      session_id: draw.uuid(),
      session_start: instant(timeMs - draw.below(3_000_000)),
      session_sequence: draw.between(1, 60),
      session_attributes: {
        device_fingerprint: draw.hex(64),
        geolocation: geolocation(draw, shop),
        user_agent_parsed: userAgent(draw),
      },
    },
    user_profile: userProfile(draw, timeMs),
  }
}

function geolocation(draw: Draw, shop: ShopPlan) {
  const place = draw.chance(0.7) ? shop.city : draw.pick(CITIES)
  return {
    country: place.country,
    region: place.state,
    city: place.city,
    coordinates: { lat: draw.decimal(-60, 70, 4), lon: draw.decimal(-180, 180, 4) },
    accuracy_meters: draw.pick([5, 10, 50, 100, 1_000]),
    ip_derived: draw.chance(0.8),
  }
}

function userAgent(draw: Draw) {
  return {
    browser: {
      name: draw.pick(['Chrome', 'Chrome', 'Safari', 'Firefox', 'Edge']),
      version: `${draw.between(110, 140)}.0.${draw.below(10)}`,
    },
    os: {
      name: draw.pick(['Windows', 'Android', 'iOS', 'macOS', 'Linux']),
      version: String(draw.between(9, 18)),
    },
    device: {
      type: draw.pick(['mobile', 'mobile', 'desktop', 'tablet']),
      brand: draw.pick(['Apple', 'Samsung', 'Dell', 'Lenovo', 'HP']),
    },
  }
}

function userProfile(draw: Draw, timeMs: number) {
  return {
    account_type: draw.pick(['standard', 'standard', 'premium', 'trial', 'enterprise']),
    registration_date: instant(timeMs - draw.below(2_000) * DAY_MS),
    verification_status: draw.pick(['verified', 'verified', 'pending', 'unverified']),
    risk_profile: {
      fraud_score: draw.decimal(0, 1, 3),
      credit_rating: draw.pick(['A', 'B', 'C', 'D']),
      behavioral_flags: draw.sample(
        ['high_velocity', 'geo_anomaly', 'new_device', 'night_owl', 'many_cards'],
        2,
      ),
    },
    preferences: {
      communication_channels: draw.sample(['email', 'sms', 'push', 'letter'], 3),
      privacy_settings: {
        tracking_consent: draw.chance(0.6),
        marketing_consent: draw.chance(0.3),
        analytics_consent: draw.chance(0.7),
      },
    },
    segmentation: {
      customer_tier: draw.pick(['platinum', 'gold', 'silver', 'bronze']),
      lifecycle_stage: draw.pick(['acquisition', 'activation', 'retention', 'resurrection']),
      behavioral_segments: draw.sample(
        ['high_spender', 'mobile_first', 'price_sensitive', 'gift_giver', 'weekend_shopper'],
        3,
      ),
      predictive_scores: {
        churn_probability: draw.decimal(0, 1, 3),
        lifetime_value: draw.decimal(10, 5_000, 2),
        next_purchase_days: draw.between(1, 180),
      },
    },
  }
}
