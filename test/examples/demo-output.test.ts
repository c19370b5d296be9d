import { describe, expect, it } from 'vitest'
import { parseDemoArguments, UsageError } from '../../examples/demo/dist/arguments.js'
import {
  formatAmount,
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatRate,
  quantile,
} from '../../examples/demo/dist/figures.js'
import { formatCents, parseCents } from '../../examples/demo/dist/money.js'
import { Progress, progressBar, progressFigures } from '../../examples/demo/dist/progress.js'
import { alignTable, Report, wrapText } from '../../examples/demo/dist/report.js'
import { type Terminal, terminalOf } from '../../examples/demo/dist/terminal.js'

function recorder(options: Partial<Terminal> = {}): { terminal: Terminal; written: string[] } {
  const written: string[] = []
  const terminal = {
    write: (text: string) => {
      written.push(text)
    },
    isInteractive: false,
    hasColor: false,
    hasUnicode: true,
    columns: 80,
    ...options,
  }
  return { terminal, written }
}

describe('arguments', () => {
  it('have defaults', () => {
    expect(parseDemoArguments([])).toEqual({
      olist: undefined,
      orderCount: 100_000,
      shopCount: 1_000,
      eventCount: 3_000,
      seed: 1,
      directory: undefined,
      isKept: false,
      isHelp: false,
    })
  })

  it('are read', () => {
    const words = '--orders 5,000 --tenants=10 --events 0 --seed 3 --dir d --keep'.split(' ')
    expect(parseDemoArguments(words)).toMatchObject({
      orderCount: 5_000,
      shopCount: 10,
      eventCount: 0,
      seed: 3,
      directory: 'd',
      isKept: true,
    })
  })

  it.each([
    '--orders x',
    '--orders 1',
    '--orders -5',
    '--tenants 0',
    '--seed 1.5',
    '--orders',
    '--nothing',
    'word',
    '--olist d --orders 500',
    '--dir=',
  ])('are refused in one line: %s', (line) => {
    const parse = () => parseDemoArguments(line.split(' '))
    expect(parse).toThrow(UsageError)
    expect(parse).toThrow(/^[^\n]+$/)
  })
})

describe('money', () => {
  it('is read and written exactly', () => {
    for (const cents of [0, 1, 10, 99, 100, 12_345, -1, -250, 9_007_199_254_740_991]) {
      expect(parseCents(formatCents(cents))).toBe(cents)
    }
    expect(parseCents('7')).toBe(700)
    expect(parseCents('7.5')).toBe(750)
    for (const text of ['', '1.234', '1e3', ' 1', 'NaN']) {
      expect(() => parseCents(text)).toThrow(RangeError)
    }
  })
})

describe('figures', () => {
  it('read well', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567')
    expect([0.5, 850, 4_200, 125_000].map(formatDuration)).toEqual([
      '500 µs',
      '850 ms',
      '4.2 s',
      '2 min 05 s',
    ])
    expect([0.0032, 0.18, 1.5].map(formatLatency)).toEqual(['3.2 µs', '180 µs', '1.50 ms'])
    expect(formatRate(500, 250)).toBe('2,000/s')
    expect([3_000, 12_000_000, 2_500_000_000].map(formatBytes)).toEqual([
      '3 kB',
      '12 MB',
      '2.50 GB',
    ])
    expect(['1234567.80', '-1234.50', '12.00'].map(formatAmount)).toEqual([
      '1,234,567.80',
      '-1,234.50',
      '12.00',
    ])
    expect(quantile(Float64Array.of(1, 2, 3, 4), 0.5)).toBe(3)
    expect(quantile(Float64Array.of(1, 2, 3, 4), 1)).toBe(4)
  })
})

describe('terminal', () => {
  const stream = { isTTY: true, columns: 200, write: () => true }

  it('is colourful for a person, within 60 to 100 columns', () => {
    const terminal = terminalOf(stream, { TERM: 'xterm' })
    expect(terminal).toMatchObject({ isInteractive: true, hasColor: true, columns: 100 })
    expect(terminalOf({ ...stream, columns: 20 }, {}).columns).toBe(60)
  })

  it('heeds NO_COLOR, TERM=dumb and pipes', () => {
    expect(terminalOf(stream, { NO_COLOR: '1' })).toMatchObject({
      isInteractive: true,
      hasColor: false,
    })
    expect(terminalOf(stream, { TERM: 'dumb' })).toMatchObject({
      isInteractive: false,
      hasColor: false,
      hasUnicode: false,
    })
    expect(terminalOf({ ...stream, isTTY: undefined }, {})).toMatchObject({
      isInteractive: false,
      hasColor: false,
    })
  })
})

describe('progress', () => {
  it('says how far, how fast and how long', () => {
    const state = { fraction: 0.25, rowCount: 50_000 }
    expect(progressFigures(state, 1_000)).toBe(' 25 %  50,000 rows  50,000/s  3.0 s left')
    expect(progressFigures({ fraction: 0, rowCount: 0 }, 0)).toBe('  0 %  0 rows  0/s')
    expect(progressFigures({ fraction: 1, rowCount: 10 }, 1_000)).toBe('100 %  10 rows  10/s')
  })

  it('draws bars of one width', () => {
    for (const fraction of [-1, 0, 0.3, 1, 2]) {
      expect(progressBar(fraction, 20, true)).toHaveLength(20)
    }
    expect(progressBar(0.5, 4, false)).toBe('##..')
  })

  it('redraws one line for a person', () => {
    const { terminal, written } = recorder({ isInteractive: true, columns: 100 })
    let nowMs = 0
    const progress = new Progress(terminal, () => nowMs)
    for (nowMs = 0; nowMs < 1_000; nowMs += 10) {
      progress.update({ fraction: nowMs / 1_000, rowCount: nowMs })
    }
    progress.finish()
    expect(written.length).toBe(11)
    for (const text of written) {
      expect(text.startsWith('\r\x1b[2K')).toBe(true)
      expect(text.length - '\r\x1b[2K'.length).toBeLessThan(100)
      expect(text).not.toContain('\n')
    }
  })

  it('writes a plain line a second for a log', () => {
    const { terminal, written } = recorder()
    let nowMs = 0
    const progress = new Progress(terminal, () => nowMs)
    for (nowMs = 0; nowMs <= 3_500; nowMs += 100) progress.update({ fraction: 0.5, rowCount: 1 })
    progress.finish()
    expect(written).toHaveLength(3)
    for (const text of written) expect(text).toMatch(/^ {5}50 % {2}1 rows.*\n$/)
  })
})

describe('report', () => {
  it('aligns words left and figures right', () => {
    const lines = alignTable(
      [{ title: 'shop' }, { title: 'orders', align: 'right' }, { title: 'é' }],
      [
        ['a', '1', 'x'],
        ['bcdef', '1,000', ''],
      ],
    )
    expect(lines).toEqual(['shop   orders  é', 'a           1  x', 'bcdef   1,000'])
  })

  it('wraps at spaces', () => {
    expect(wrapText('one two  three', 7)).toEqual(['one two', 'three'])
    expect(wrapText('abcdefghij kl', 5)).toEqual(['abcdefghij', 'kl'])
    expect(wrapText('', 5)).toEqual([])
  })

  it('numbers steps, keeps to the width, and remembers what was wrong', () => {
    const { terminal, written } = recorder({ columns: 60 })
    const report = new Report(terminal)
    report.title('Demo', 'a test')
    report.step('First', 'word '.repeat(40))
    report.code('call()')
    report.table([{ title: 'a' }], [['b']])
    report.check(true, 'That holds.')
    report.step('Second', 'More.')
    report.check(false, 'That does not.')
    const text = written.join('')
    expect(text).toContain(' 1  First ')
    expect(text).toContain(' 2  Second ')
    expect(text).toContain('✓ That holds.')
    expect(text).toContain('✗ That does not.')
    expect(text).not.toContain('\n\n\n')
    expect(text).not.toContain('\x1b')
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(60)
    expect(report.checkCount).toBe(2)
    expect(report.failures).toEqual(['That does not.'])
  })

  it('does without colour and signs on a dumb terminal', () => {
    const { terminal, written } = recorder({ hasUnicode: false })
    new Report(terminal).check(true, 'Fine.')
    expect(written.join('')).toBe('    ok: Fine.\n')
  })
})
