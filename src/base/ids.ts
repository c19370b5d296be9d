// The branded numbers that name things. A brand costs nothing at run time and stops a file id from being
// passed where a sequence number is meant.

declare const brand: unique symbol
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name }

/**
 * The commit sequence: one number per commit, database-wide, strictly increasing, at most 2^53-1.
 *
 * It is a hybrid clock: the greater of the previous SeqNum plus one and the wall clock in Unix
 * microseconds, so a SeqNum is also the commit's time and order never depends on the wall clock.
 * @see docs/decisions/0003-sequence-numbers-are-commit-times.md
 */
export type SeqNum = Branded<number, 'SeqNum'>

/** Names one file of a database for ever; never reused, counted up from 1. */
export type FileId = Branded<number, 'FileId'>

/** Names one tablet; never reused. */
export type TabletId = Branded<number, 'TabletId'>

/** A tenant's number, interned in the catalog: 0 is the system tenant, users' tenants start at 1. */
export type TenantId = Branded<number, 'TenantId'>

export const SEQ_NUM_ZERO: SeqNum = 0 as SeqNum
/** Later than every commit. */
export const SEQ_NUM_MAX: SeqNum = Number.MAX_SAFE_INTEGER as SeqNum
