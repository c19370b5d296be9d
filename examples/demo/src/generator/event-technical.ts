// Which machines handled an event, how long they took, and where its data went.

import type { Draw } from './draw.js'

export function technicalContext(draw: Draw) {
  return {
    infrastructure_metadata: {
      processing_region: 'sa-east-1',
      availability_zone: `sa-east-1${draw.pick(['a', 'b', 'c'])}`,
      server_instance: `web-server-${String(draw.below(200)).padStart(3, '0')}`,
      load_balancer: `alb-prod-web-0${draw.between(1, 4)}`,
      cdn_edge_location: `edge_${draw.pick(['gru', 'jfk', 'fra', 'nrt', 'syd'])}`,
    },
    performance_telemetry: {
      request_id: draw.uuid(),
      trace_id: draw.hex(32),
      parent_span_id: draw.hex(16),
      processing_time_ms: draw.between(1, 200),
      memory_usage_mb: draw.between(64, 512),
      cpu_utilization: draw.decimal(0, 1, 2),
      network_latency_ms: draw.between(1, 80),
      database_query_time_ms: draw.between(1, 40),
      cache_hit_ratio: draw.decimal(0.5, 1, 2),
    },
    security_context: {
      request_signature: draw.hex(128),
      api_key_hash: draw.hex(64),
      rate_limit_remaining: draw.below(10_000),
      security_flags: {
        suspicious_user_agent: draw.chance(0.02),
        tor_exit_node: draw.chance(0.01),
        known_bot: draw.chance(0.03),
        geo_blocked: draw.chance(0.01),
      },
    },
    data_lineage: {
      upstream_systems: ['user_service', 'product_catalog', 'inventory_service'],
      transformation_applied: ['pii_tokenization', 'geo_enrichment', 'fraud_scoring'],
      downstream_targets: ['data_warehouse', 'ml_feature_store', 'audit_log'],
    },
  }
}
