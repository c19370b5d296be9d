// A large nested commerce event: what a shop's web site reports when a visitor does something. 230 values under 190
// paths, some 8 KB of JSON. Lists have fixed lengths, so every event has all paths.

import type { Draw } from './draw.js'
import { businessContext } from './event-business.js'
import { interactionContext } from './event-interaction.js'
import { mlContext } from './event-ml.js'
import { technicalContext } from './event-technical.js'
import { userContext } from './event-user.js'
import { instant } from './instant.js'
import type { ShopPlan } from './shop.js'

export type CommerceEvent = ReturnType<typeof commerceEvent>

/** Draws an event of this shop at this time. */
export function commerceEvent(draw: Draw, shop: ShopPlan, timeMs: number) {
  return {
    schema_version: '2.1',
    tenant_id: shop.tenant,
    partition_key: `user_region_${draw.below(64)}`,
    event_metadata: eventMetadata(draw, timeMs),
    event_data: {
      event_type: draw.pick(['user_interaction', 'transaction', 'system_event', 'ml_inference']),
      event_subtype: draw.pick(['page_view', 'purchase', 'fraud_score', 'recommendation_click']),
      user_context: userContext(draw, shop, timeMs),
      business_context: {
        ...businessContext(draw, shop, timeMs),
        interaction_context: interactionContext(draw, shop, timeMs),
      },
      technical_context: technicalContext(draw),
    },
    ml_context: mlContext(draw),
  }
}

function eventMetadata(draw: Draw, timeMs: number) {
  return {
    event_id: draw.uuidAt(timeMs, draw.below(4_096)),
    correlation_id: draw.uuid(),
    causation_id: draw.uuid(),
    timestamp: instant(timeMs),
    ingestion_timestamp: instant(timeMs + draw.between(3, 900)),
    source_system: draw.pick(['web_app', 'mobile_app', 'api', 'batch_import']),
    event_version: `1.2.${draw.below(6)}`,
    processing_flags: {
      requires_enrichment: draw.chance(0.6),
      pii_contains: draw.chance(0.7),
      gdpr_subject: draw.chance(0.4),
      audit_required: draw.chance(0.1),
    },
  }
}
