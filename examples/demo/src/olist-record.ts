// One record of an Olist file, read field by field: each reader says what a field must be, and what is not that is
// refused with file line and column. An empty field is null where null is asked for.

import { CsvError, type CsvRecord } from './csv.js'

export class OlistRecord {
  readonly #indexOf: ReadonlyMap<string, number>
  #record: CsvRecord = { fields: [], line: 0 }

  constructor(columns: readonly string[]) {
    this.#indexOf = new Map(columns.map((name, index) => [name, index]))
  }

  /** Moves on to another record of the same file. */
  show(record: CsvRecord): this {
    this.#record = record
    return this
  }

  text(column: string): string {
    return this.textOrNull(column) ?? this.#refuse(column, 'a text')
  }

  textOrNull(column: string): string | null {
    const index = this.#indexOf.get(column)
    const field = index === undefined ? undefined : this.#record.fields[index]
    if (field === undefined) throw new RangeError(`no column ${column}`)
    return field === '' ? null : field
  }

  integer(column: string): number {
    return this.integerOrNull(column) ?? this.#refuse(column, 'a whole number')
  }

  integerOrNull(column: string): number | null {
    const text = this.textOrNull(column)
    if (text === null) return null
    return /^\d{1,15}$/.test(text) ? Number(text) : this.#refuse(column, 'a whole number')
  }

  /** An amount with two decimals, kept as its text. */
  amount(column: string): string {
    const text = this.text(column)
    return /^\d{1,10}\.\d\d$/.test(text) ? text : this.#refuse(column, 'an amount like 12.34')
  }

  /** A time without a zone, read as UTC. */
  time(column: string): Date {
    return this.timeOrNull(column) ?? this.#refuse(column, 'a time')
  }

  timeOrNull(column: string): Date | null {
    const text = this.textOrNull(column)
    if (text === null) return null
    const time = new Date(`${text.replace(' ', 'T')}Z`)
    const isExact = !Number.isNaN(time.getTime()) && formatOlistTime(time) === text
    return isExact ? time : this.#refuse(column, 'a time like 2017-10-02 10:56:33')
  }

  oneOf<Word extends string>(column: string, words: readonly Word[]): Word {
    const text = this.textOrNull(column)
    return words.find((word) => word === text) ?? this.#refuse(column, `one of ${words.join(', ')}`)
  }

  #refuse(column: string, wanted: string): never {
    const found = JSON.stringify(this.textOrNull(column) ?? '')
    throw new CsvError('CSV_VALUE', this.#record.line, `${column} is ${found}, not ${wanted}`)
  }
}

/** Writes a time as the files have it; the inverse of reading. */
export const formatOlistTime = (time: Date): string =>
  time.toISOString().slice(0, 19).replace('T', ' ')
