// How the visitor came to the event, on which page, under which experiments.

import type { Draw } from './draw.js'
import { instant } from './instant.js'
import type { ShopPlan } from './shop.js'

export function interactionContext(draw: Draw, shop: ShopPlan, timeMs: number) {
  return {
    touchpoint_journey: touchpointJourney(draw, timeMs),
    page_context: pageContext(draw, shop, timeMs),
    experiment_context: {
      active_experiments: [
        {
          experiment_id: `checkout_v${draw.between(1, 9)}`,
          variant: draw.pick(['control', 'treatment_a', 'treatment_b']),
          allocation_timestamp: instant(timeMs - draw.below(900_000)),
          experiment_type: draw.pick(['ui_test', 'algorithm_test', 'feature_flag']),
        },
      ],
      feature_flags: [
        {
          flag_name: draw.pick(['new_recommendations', 'one_page_checkout', 'dark_mode']),
          enabled: draw.chance(0.5),
          variant: `v${draw.between(1, 4)}`,
          rollout_percentage: draw.pick([1, 5, 25, 50, 100]),
        },
      ],
    },
  }
}

/** Only a campaign's touchpoint names a campaign. */
function touchpointJourney(draw: Draw, timeMs: number) {
  const firstWeight = draw.decimal(0.1, 0.9, 2)
  return [
    {
      touchpoint: draw.pick(['google_search', 'social', 'direct', 'price_comparison']),
      timestamp: instant(timeMs - draw.between(600_000, 900_000)),
      attribution_weight: firstWeight,
    },
    {
      touchpoint: 'email_campaign',
      campaign_id: draw.pick(['winter_sale', 'back_to_school', 'black_friday', 'win_back']),
      timestamp: instant(timeMs - draw.between(1_000, 600_000)),
      attribution_weight: Number((1 - firstWeight).toFixed(2)),
    },
  ]
}

function pageContext(draw: Draw, shop: ShopPlan, timeMs: number) {
  const product = `sku-${String(1 + draw.below(shop.productCount)).padStart(5, '0')}`
  return {
    page_type: draw.pick(['product_detail', 'product_detail', 'category', 'checkout', 'search']),
    page_url: `https://www.${shop.tenant}.example/products/${product}?${campaignQuery(draw)}`,
    referrer_url: `https://search.example/?q=${product}&${campaignQuery(draw)}`,
    page_load_metrics: {
      time_to_first_byte: draw.between(20, 400),
      first_contentful_paint: draw.between(200, 2_000),
      largest_contentful_paint: draw.between(400, 4_000),
      cumulative_layout_shift: draw.decimal(0, 0.5, 3),
      first_input_delay: draw.between(1, 80),
    },
    user_interactions: [
      {
        interaction_type: draw.pick(['click', 'click', 'scroll', 'hover', 'form_input']),
        element_id: draw.pick(['add_to_cart_button', 'buy_now', 'gallery', 'search_box']),
        timestamp: instant(timeMs + draw.below(60_000)),
        coordinates: { x: draw.below(1_920), y: draw.below(1_080) },
        interaction_sequence: draw.between(1, 30),
      },
    ],
  }
}

const campaignQuery = (draw: Draw): string =>
  `utm_source=newsletter&utm_medium=email&utm_campaign=${draw.hex(8)}&click_id=${draw.hex(40)}`
