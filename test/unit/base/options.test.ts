import { describe, expect, expectTypeOf, it } from 'vitest'

import { EngineError } from '../../../dist/base/errors.js'
import { describeRange, describeValue, readSettings, setting } from '../../../dist/base/options.js'
import { nearestName } from '../../../dist/base/spelling.js'

const MiB = 1024 * 1024

const TABLE = {
  memtableMaxBytes: setting.bytes({ default: 64 * MiB, min: MiB, max: 1024 * MiB, doc: 'a' }),
  tabletCount: setting.count({ default: 8, min: 1, max: 1024, doc: 'b' }),
  historyWindowMs: setting.milliseconds({ default: 3_600_000, min: 0, max: 86_400_000, doc: 'c' }),
  createIfMissing: setting.boolean({ default: true, doc: 'd' }),
  durability: setting.choice({ default: 'sync', values: ['sync', 'relaxed'], doc: 'e' }),
} as const

function errorOf(action: () => unknown): EngineError {
  try {
    action()
  } catch (error) {
    if (error instanceof EngineError) return error
  }
  throw new Error('expected an EngineError')
}

describe('readSettings', () => {
  it('fills in defaults and infers the types of values', () => {
    const settings = readSettings(TABLE, { tabletCount: 3, durability: undefined })
    expect(settings).toEqual({
      memtableMaxBytes: 64 * MiB,
      tabletCount: 3,
      historyWindowMs: 3_600_000,
      createIfMissing: true,
      durability: 'sync',
    })
    expectTypeOf(settings.tabletCount).toEqualTypeOf<number>()
    expectTypeOf(settings.createIfMissing).toEqualTypeOf<boolean>()
    expectTypeOf(settings.durability).toEqualTypeOf<'sync' | 'relaxed'>()
  })

  it('takes both ends of a range', () => {
    expect(readSettings(TABLE, { tabletCount: 1 }).tabletCount).toBe(1)
    expect(readSettings(TABLE, { tabletCount: 1024 }).tabletCount).toBe(1024)
  })

  it('refuses an unknown name and suggests the nearest', () => {
    const error = errorOf(() => readSettings(TABLE, { tabletsCount: 3 } as object))
    expect(error).toMatchObject({
      code: 'OPTION_UNKNOWN',
      details: { option: 'tabletsCount', nearest: 'tabletCount' },
    })
    expect(error.message).toContain('did you mean tabletCount?')
  })

  it('lists all names when none is near, and is not fooled by inherited ones', () => {
    for (const name of ['zzz', 'constructor', 'toString']) {
      const error = errorOf(() => readSettings(TABLE, { [name]: 1 } as object))
      expect(error.code).toBe('OPTION_UNKNOWN')
      expect(error.message).toContain('memtableMaxBytes')
    }
  })

  it.each([
    ['tabletCount', 0, 'a whole number, 1 to 1,024, not 0'],
    ['tabletCount', 1.5, 'a whole number, 1 to 1,024, not 1.5'],
    ['tabletCount', Number.NaN, 'not NaN'],
    ['tabletCount', '8', "not '8'"],
    ['tabletCount', 8n, 'not bigint'],
    ['memtableMaxBytes', 5, '1 MiB to 1 GiB, not 5'],
    ['historyWindowMs', -1, '0 ms to 1 d, not -1'],
    ['createIfMissing', 1, 'true or false, not 1'],
    ['createIfMissing', null, 'true or false, not null'],
    ['durability', 'none', "'sync', 'relaxed', not 'none'"],
  ])('refuses %s: %s', (name, value, text) => {
    const error = errorOf(() => readSettings(TABLE, { [name]: value } as object))
    expect(error.code).toBe('OPTION_OUT_OF_RANGE')
    expect(error.message).toContain(text)
    expect(error.details['option']).toBe(name)
  })
})

describe('describeValue and describeRange', () => {
  it('speak in the largest unit that fits exactly', () => {
    expect(describeValue(TABLE.memtableMaxBytes, 1536)).toBe('1,536 bytes')
    expect(describeValue(TABLE.memtableMaxBytes, 16 * 1024)).toBe('16 KiB')
    expect(describeValue(TABLE.historyWindowMs, 250)).toBe('250 ms')
    expect(describeRange(TABLE.durability)).toBe("'sync', 'relaxed'")
  })
})

describe('nearestName', () => {
  it('finds a slip of the finger and nothing else', () => {
    expect(nearestName('cusotmerId', ['status', 'customerId'])).toBe('customerId')
    expect(nearestName('STATUS', ['status'])).toBe('status')
    expect(nearestName('price', ['status', 'customerId'])).toBeUndefined()
    expect(nearestName('x'.repeat(100_000), ['status'])).toBeUndefined()
  })
})
