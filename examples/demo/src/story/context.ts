// What the steps of the story share.

import type { Database, Shop } from '../database.js'
import type { Ledger } from '../ledger.js'
import type { Report } from '../report.js'
import type { Source } from '../source.js'

export interface StoryContext {
  readonly db: Database
  readonly source: Source
  /** The tenant that the story looks at closely. */
  readonly shop: Shop
  readonly ledger: Ledger
  readonly report: Report
  readonly seed: number
  /** Where the main database lies. */
  readonly shopsDirectory: string
  /** Where the database of the killed load goes. */
  readonly killedDirectory: string
  readonly isKept: boolean
  /** What earlier steps leave to later ones. */
  readonly memory: StoryMemory
}

export interface StoryMemory {
  /** A moment after the checkout and before the price change. */
  beforePriceChange?: Date
  /** The step that prices went up by, in cents. */
  raiseCents?: number
}

export interface StepResult {
  readonly title: string
  /** What came of it, in a few words for the summary. */
  readonly outcome: string
}

export type Step = (context: StoryContext) => Promise<StepResult>
