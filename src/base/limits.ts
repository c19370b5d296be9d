// Every limit of the engine with its name. What is larger is refused before the log sees it.

export const KiB = 1024
export const MiB: number = 1024 * KiB
export const GiB: number = 1024 * MiB

/** Longest encoded key: prefix and tuple, without the version suffix. */
export const KEY_MAX_BYTES = 2048
/** Longest stored value, once encoded. */
export const VALUE_MAX_BYTES: number = 16 * MiB
/** Largest transaction: the sum of its keys and values, once encoded. One commit is one WAL frame. */
export const TRANSACTION_MAX_BYTES: number = 64 * MiB
/** Rows that a transaction can lock. */
export const TRANSACTION_LOCK_MAX_COUNT = 65_536
/** Longest tenant name in UTF-8 bytes. */
export const TENANT_NAME_MAX_BYTES = 256
/** Longest idempotency token in UTF-8 bytes. */
export const TOKEN_MAX_BYTES = 256
/** Longest name of a table, column or index in UTF-8 bytes. */
export const IDENTIFIER_MAX_BYTES = 128
export const COLUMN_MAX_COUNT = 1000
export const INDEX_MAX_COUNT = 64
/** Decimal digits a decimal column can hold. */
export const DECIMAL_PRECISION_MAX = 38
/** Longest magnitude a bigint column can hold. */
export const BIGINT_MAX_BITS = 1024
/** Longest history window: ten years. */
export const HISTORY_WINDOW_MAX_MS: number = 3650 * 86_400_000
/** Longest name of a legal hold, and of the owner of a pin, in UTF-8 bytes. */
export const HOLD_NAME_MAX_BYTES = 256
/** Longest reason of a legal hold in UTF-8 bytes. */
export const HOLD_REASON_MAX_BYTES = 4096
/** Legal holds of one tenant. */
export const HOLD_MAX_COUNT = 100
export const ENUM_VALUE_MAX_COUNT = 1000
/** How deep a JSON value may nest. */
export const JSON_DEPTH_MAX = 200
/** Longest SQL text in characters, and how deep its expressions may nest. */
export const SQL_MAX_LENGTH: number = 1 * MiB
export const SQL_DEPTH_MAX = 200
export const SQL_PARAMETER_MAX_COUNT = 10_000
