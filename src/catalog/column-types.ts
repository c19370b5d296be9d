// The column builders of the table declaration: `t.text()`, `t.decimal(12, 2).nullable()`, ... What a column holds for
// users, on the way in and out:
//
//   builder                       out            in
//   text uuid                     string         string
//   enum([...])                   one of them    one of them
//   int float                     number         number
//   bigint                        bigint         bigint | number (an integer)
//   decimal(p, s)                 string         string | number | bigint
//   timestamp()                   Date           Date | ISO string | number of Unix milliseconds
//   timestamp({precision: 'us'})  bigint         bigint of Unix microseconds | Date
//   boolean                       boolean        boolean
//   bytes                         Uint8Array     Uint8Array
//   json<T>()                     T              T, a JSON value other than null
//   .nullable()                   ... | null     ... | null | absent
//   .default(value)                              ... | absent

import { engineError } from '../base/errors.js'
import { DECIMAL_PRECISION_MAX, ENUM_VALUE_MAX_COUNT } from '../base/limits.js'
import { isWellFormed } from '../codec/bytes.js'
import type { ColumnKind } from '../codec/cell.js'
import type { ColumnDeclaration } from './definition.js'

declare const columnTypes: unique symbol

/** What a kind has beside its name. */
export type ColumnFacets = Pick<ColumnDeclaration, 'precision' | 'scale' | 'values'>

/** One column of a declaration, without its name. Immutable: `nullable` and `default` return another one. */
export class Column<
  Value = unknown,
  Input = unknown,
  IsOptional extends boolean = boolean,
  Kind extends ColumnKind = ColumnKind,
> {
  /** Only the compiler sees this. */
  declare readonly [columnTypes]: {
    readonly value: Value
    readonly input: Input
    readonly isOptional: IsOptional
  }
  readonly kind: Kind
  readonly facets: ColumnFacets
  readonly isNullable: boolean
  /** As given: not yet a cell. */
  readonly defaultValue: unknown

  constructor(kind: Kind, facets: ColumnFacets = {}, isNullable = false, defaultValue?: unknown) {
    this.kind = kind
    this.facets = facets
    this.isNullable = isNullable
    this.defaultValue = defaultValue
  }

  /** The column may hold SQL NULL, which rows show as null. A new row that leaves it out gets null. */
  nullable(): Column<Value | null, Input | null, true, Kind> {
    return new Column(this.kind, this.facets, true, this.defaultValue)
  }

  /** What a new row gets that leaves the column out, and what rows show that are older than the column. */
  default(value: NonNullable<Input>): Column<Value, Input, true, Kind> {
    return new Column(this.kind, this.facets, this.isNullable, value)
  }
}

export type ColumnValue<C> = C extends Column<infer Value, unknown> ? Value : never
export type ColumnInput<C> = C extends Column<unknown, infer Input> ? Input : never

type Timestamp = Column<Date, Date | string | number, false, 'timestamp'>
type MicrosTimestamp = Column<bigint, bigint | Date, false, 'timestamp'>

function timestamp(options?: { readonly precision?: 'ms' }): Timestamp
function timestamp(options: { readonly precision: 'us' }): MicrosTimestamp
function timestamp(
  options: { readonly precision?: 'ms' | 'us' } = {},
): Timestamp | MicrosTimestamp {
  const isObject = typeof options === 'object' && options !== null
  if (isObject && Object.keys(options).every((name) => name === 'precision')) {
    const { precision = 'ms' } = options
    if (precision === 'us') return new Column('timestamp', { precision: 6 }) as MicrosTimestamp
    if (precision === 'ms') return new Column('timestamp', { precision: 3 }) as Timestamp
  }
  throw engineError(
    'SCHEMA_INVALID',
    "t.timestamp takes { precision: 'ms' } or { precision: 'us' }",
  )
}

function decimal(
  precision: number,
  scale: number,
): Column<string, string | number | bigint, false, 'decimal'> {
  const isFit =
    Number.isInteger(precision) &&
    Number.isInteger(scale) &&
    precision >= 1 &&
    precision <= DECIMAL_PRECISION_MAX &&
    scale >= 0 &&
    scale <= precision
  if (isFit) return new Column('decimal', { precision, scale })
  throw engineError(
    'SCHEMA_INVALID',
    `t.decimal(precision, scale): 1..${DECIMAL_PRECISION_MAX} digits, of them 0..precision behind the point`,
  )
}

function enumeration<const Values extends readonly [string, ...string[]]>(
  values: Values,
): Column<Values[number], Values[number], false, 'enum'> {
  const isFit =
    Array.isArray(values) &&
    values.length >= 1 &&
    values.length <= ENUM_VALUE_MAX_COUNT &&
    new Set(values).size === values.length &&
    values.every((value) => typeof value === 'string' && isWellFormed(value))
  if (isFit) return new Column('enum', { values: [...values] })
  throw engineError(
    'SCHEMA_INVALID',
    `t.enum: 1..${ENUM_VALUE_MAX_COUNT} different texts, without lone surrogates`,
  )
}

/** The column builders. */
export const t = {
  /** Unicode text. */
  text: (): Column<string, string, false, 'text'> => new Column('text'),
  /** An integer that a number holds exactly: -(2^53-1)..2^53-1. */
  int: (): Column<number, number, false, 'int'> => new Column('int'),
  /** A 64-bit floating-point number; NaN is refused. */
  float: (): Column<number, number, false, 'float'> => new Column('float'),
  /** An integer of up to 1,024 bits. */
  bigint: (): Column<bigint, bigint | number, false, 'bigint'> => new Column('bigint'),
  /** An exact decimal of `precision` digits in all, `scale` of them behind the point. */
  decimal,
  /** A moment, in milliseconds as a Date, or with `{ precision: 'us' }` in microseconds as a bigint. 1684 to 2255. */
  timestamp,
  boolean: (): Column<boolean, boolean, false, 'boolean'> => new Column('boolean'),
  bytes: (): Column<Uint8Array, Uint8Array, false, 'bytes'> => new Column('bytes'),
  /** A UUID in its canonical form; letters come back in lower case. */
  uuid: (): Column<string, string, false, 'uuid'> => new Column('uuid'),
  /** One of a fixed list of texts. */
  enum: enumeration,
  /** A JSON value other than null; `T` is what the program makes of it and is not checked. */
  json: <T = unknown>(): Column<T, T, false, 'json'> => new Column('json'),
} as const
