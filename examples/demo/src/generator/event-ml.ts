// What models made of an event.

import type { Draw } from './draw.js'

export function mlContext(draw: Draw) {
  const vector = () => Array.from({ length: 5 }, () => draw.decimal(0, 1, 4))
  return {
    feature_vectors: {
      user_features: vector(),
      product_features: vector(),
      contextual_features: vector(),
    },
    model_scores: {
      fraud_detection: {
        model_version: 'fraud_v3.2.1',
        score: draw.decimal(0, 1, 3),
        confidence: draw.decimal(0.5, 1, 3),
        explanation: draw.sample(
          ['low_velocity', 'known_device', 'normal_geo', 'new_card', 'long_history'],
          3,
        ),
      },
      recommendation: {
        model_version: 'rec_v2.1.0',
        recommendations: [recommendation(draw), recommendation(draw)],
      },
      churn_prediction: {
        model_version: 'churn_v1.5.2',
        churn_probability: draw.decimal(0, 1, 3),
        days_to_churn: draw.between(1, 120),
        intervention_recommended: draw.pick(['discount_offer', 'call', 'none', 'none']),
      },
    },
  }
}

function recommendation(draw: Draw) {
  return {
    product_id: `sku-${String(1 + draw.below(300)).padStart(5, '0')}`,
    score: draw.decimal(0, 1, 3),
    reason: draw.pick(['collaborative_filtering', 'content_based', 'trending']),
  }
}
