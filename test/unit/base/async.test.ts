import { describe, expect, it } from 'vitest'

import { Deferred, Mutex } from '../../../dist/base/async.js'

describe('Deferred', () => {
  it('settles once, from outside', async () => {
    const deferred = new Deferred<number>()
    deferred.resolve(1)
    deferred.reject(new Error('too late'))
    expect(await deferred.promise).toBe(1)
  })
})

describe('Mutex', () => {
  it('runs work in the order asked for, one at a time', async () => {
    const mutex = new Mutex()
    const gate = new Deferred<void>()
    const log: string[] = []
    const first = mutex.run(async () => {
      log.push('first starts')
      await gate.promise
      log.push('first ends')
      return 1
    })
    const second = mutex.run(() => log.push('second'))
    expect(mutex.isBusy).toBe(true)
    gate.resolve()
    expect(await first).toBe(1)
    await second
    expect(log).toEqual(['first starts', 'first ends', 'second'])
    await mutex.run(() => undefined)
    expect(mutex.isBusy).toBe(false)
  })

  it('tells a failure only to the one who asked', async () => {
    const mutex = new Mutex()
    const failed = mutex.run(() => {
      throw new Error('broken')
    })
    const next = mutex.run(() => 'fine')
    await expect(failed).rejects.toThrow('broken')
    expect(await next).toBe('fine')
  })
})
