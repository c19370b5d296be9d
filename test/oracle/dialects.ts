// One statement in two dialects: ours and SQLite's. They differ where SQLite lacks a type: decimals are counted in cents
// there. Values can stand in the text or be bound; each side gets its own placeholders and its own values.

import type { Seeded } from '../model/seeded.js'

export interface Sql {
  readonly ours: string
  readonly theirs: string
}

/** A value that is bound: as we take it, and as better-sqlite3 does (a number would be bound as a float). */
export interface Bound {
  readonly ours: unknown
  readonly theirs: unknown
}

export interface Statement {
  readonly text: Sql
  readonly params: readonly Bound[]
}

export interface Prepared {
  readonly text: string
  readonly params: readonly unknown[] | Record<string, unknown>
}

/** Texts that are the same for both, and pairs, put together. */
export function sql(strings: TemplateStringsArray, ...parts: readonly (Sql | string)[]): Sql {
  const side = (name: 'ours' | 'theirs'): string =>
    String.raw(
      { raw: strings },
      ...parts.map((part) => (typeof part === 'string' ? part : part[name])),
    )
  return { ours: side('ours'), theirs: side('theirs') }
}

export function pair(ours: string, theirs: string): Sql {
  return { ours, theirs }
}

export function list(parts: readonly Sql[], separator = ', '): Sql {
  return {
    ours: parts.map((part) => part.ours).join(separator),
    theirs: parts.map((part) => part.theirs).join(separator),
  }
}

const MARK = /\ue000(\d+)\ue000/g

/** Stands for a bound value until the whole statement is there. */
export function mark(index: number): string {
  return `\ue000${index}\ue000`
}

export type PlaceholderStyle = '?' | '?1' | ':name'

export const PLACEHOLDER_STYLES: readonly PlaceholderStyle[] = ['?', '?1', ':name']

export function prepareSide(
  statement: Statement,
  side: keyof Sql,
  style: PlaceholderStyle,
): Prepared {
  const values: unknown[] = []
  const record: Record<string, unknown> = {}
  const text = statement.text[side].replace(MARK, (_mark, index: string) => {
    const value = statement.params[Number(index)]![side]
    if (style === ':name') {
      record[`p${index}`] = value
      return `:p${index}`
    }
    values.push(value)
    // better-sqlite3 takes ?1 for a name.
    return style === '?' || side === 'theirs' ? '?' : `?${values.length}`
  })
  return { text, params: style === ':name' && Object.keys(record).length > 0 ? record : values }
}

export function pickStyle(random: Seeded): PlaceholderStyle {
  return random.pick(PLACEHOLDER_STYLES)
}
