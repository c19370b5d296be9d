import { describe, expect, it, vi } from 'vitest'

import type { ErrorEvent } from '../../../dist/base/events.js'
import { EventSource } from '../../../dist/base/events.js'
import type { TabletId } from '../../../dist/base/ids.js'

const STALL = { tabletId: 1 as TabletId, waitMs: 120, cause: 'memtables', remedy: 'wait' }

describe('EventSource', () => {
  it('tells each listener of the name until it leaves', () => {
    const events = new EventSource()
    const seen: number[] = []
    const listener = (event: { waitMs: number }) => seen.push(event.waitMs)
    const leaveFirst = events.on('stall', listener)
    events.on('stall', listener)
    events.emit('stall', STALL)
    expect(seen).toEqual([120, 120])
    leaveFirst()
    leaveFirst()
    events.emit('stall', STALL)
    expect(seen).toHaveLength(3)
  })

  it('lets listeners leave while an event is told', () => {
    const events = new EventSource()
    const seen: string[] = []
    const leave = events.on('stall', () => {
      seen.push('first')
      leave()
    })
    events.on('stall', () => seen.push('second'))
    events.emit('stall', STALL)
    events.emit('stall', STALL)
    expect(seen).toEqual(['first', 'second', 'second'])
  })

  it('turns what a listener throws, now or later, into an error event', async () => {
    const events = new EventSource()
    const errors: ErrorEvent[] = []
    events.on('error', (event) => errors.push(event))
    events.on('stall', () => {
      throw new Error('now')
    })
    events.on('stall', () => Promise.reject(new Error('later')))
    const last = vi.fn()
    events.on('stall', last)
    events.emit('stall', STALL)
    await Promise.resolve()
    expect(last).toHaveBeenCalledOnce()
    expect(errors.map(({ where, error }) => [where, String(error)])).toEqual([
      ["listener of 'stall' events", 'Error: now'],
      ["listener of 'stall' events", 'Error: later'],
    ])
  })

  it('warns when nobody is left to tell', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const events = new EventSource()
    events.on('error', () => {
      throw new Error('twice broken')
    })
    events.emit('error', { where: 'flush', error: new Error('disk') })
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0]?.[0]).toContain('twice broken')
    warn.mockRestore()
  })

  it('is not broken by something that has no text', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const events = new EventSource()
    events.on('stall', () => {
      throw Object.create(null)
    })
    events.on('stall', () => Promise.reject(Symbol('s')))
    events.emit('stall', STALL)
    await Promise.resolve()
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      "listener of 'stall' events threw: object",
      "listener of 'stall' events threw: Symbol(s)",
    ])
    warn.mockRestore()
  })
})
