// The raw keys of a tenant, without an adapter above them: what they promise, and what callers get wrong.

import { describe, expect, test } from 'vitest'

import { type KeyScan } from '../../dist/index.js'
import { expectCode, openShop, order } from './db-kit.js'

function keysOf(scan: KeyScan): string[] {
  const keys = []
  while (scan.next()) keys.push(scan.keyText)
  return keys
}

describe('key space', () => {
  test('reads and writes bytes and text, in one commit', async () => {
    const db = await openShop()
    const space = db.keySpace('a')
    expect(space.get('x')).toBeUndefined()
    const seqNum = await space.write((batch) => {
      batch.put('x', 'first')
      batch.put(Uint8Array.of(0x78, 0), Uint8Array.of(1, 2))
      batch.put('y', 'gone')
      batch.delete('y')
      batch.put('x', 'é')
    })
    expect(space.getText('x')).toBe('é')
    expect(space.get('x')).toEqual(new Uint8Array(Buffer.from('é')))
    expect(space.get('x\0')).toEqual(Uint8Array.of(1, 2))
    expect(space.has('y')).toBe(false)
    const snapshot = space.snapshot()
    expect(snapshot.seqNum).toBe(seqNum)
    await space.write((batch) => batch.delete('x'))
    expect([space.has('x'), snapshot.has('x')]).toEqual([false, true])
    const scan = snapshot.scan({ reverse: true })
    snapshot.close()
    snapshot.close()
    expect(keysOf(scan)).toEqual(['x\0', 'x'])
    scan.close()
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('lies beside the rows of its tenant', async () => {
    const db = await openShop()
    await db.tenant('a').orders.insert(order(1))
    await db.keySpace('a').write((batch) => batch.put('x', '1'))
    await db.keySpace('b').write((batch) => batch.put('x', '2'))
    expect(await db.tenant('a').orders.scan().toArray()).toHaveLength(1)
    expect(db.keySpace('a').getText('x')).toBe('1')
    expect(db.tenants()).toEqual(['a', 'b'])
  })

  test('scans go on where they are sent, and end outside of their range', async () => {
    const db = await openShop()
    const space = db.keySpace('a')
    await space.write((batch) => {
      for (const key of 'abcde') batch.put(key, key)
    })
    const scan = space.scan({ gte: 'b', lt: 'e' })
    const expectNoEntry = async () => {
      for (const part of ['key', 'keyText', 'value', 'valueText'] as const) {
        await expectCode('ARGUMENT_INVALID', () => scan[part])
      }
    }
    await expectNoEntry()
    expect(keysOf(scan)).toEqual(['b', 'c', 'd'])
    expect(scan.next()).toBe(false)
    await expectNoEntry()
    scan.seek('c')
    await expectNoEntry()
    expect(keysOf(scan)).toEqual(['c', 'd'])
    for (const outside of ['a', 'e', 'z', '']) {
      scan.seek(outside)
      expect(keysOf(scan)).toEqual([])
    }
    scan.seek('cc')
    expect(keysOf(scan)).toEqual(['d'])
    scan.close()
    scan.close()
    scan.seek('b')
    expect(scan.next()).toBe(false)
    await expectNoEntry()
    const reverse = space.scan({ reverse: true, gt: 'a' })
    reverse.seek('cc')
    expect(keysOf(reverse)).toEqual(['c', 'b'])
    reverse.close()
    expect(keysOf(space.scan({ gt: 'd', lte: 'b' }))).toEqual([])
  })

  test('refuses what is neither text nor bytes, and batches that have ended', async () => {
    const db = await openShop()
    const space = db.keySpace('a')
    await expectCode('TENANT_NAME_INVALID', () => db.keySpace(''))
    await space.write((batch) => batch.put('kept', ''))
    for (const wrong of [7, null, undefined, {}, ['a'], true] as never[]) {
      await expectCode('ARGUMENT_INVALID', () => space.get(wrong))
      await expectCode('ARGUMENT_INVALID', () => space.write((batch) => batch.put(wrong, 'x')))
      await expectCode('ARGUMENT_INVALID', () => space.write((batch) => batch.put('x', wrong)))
      await expectCode('ARGUMENT_INVALID', () => space.write((batch) => batch.delete(wrong)))
    }
    await expectCode('ARGUMENT_INVALID', () => space.scan({ gte: 7 as never }))
    await expectCode('ARGUMENT_INVALID', () =>
      space.write(() => undefined, { durability: 'hoped' as never }),
    )
    await expect(
      space.write((batch) => {
        batch.put('a', 'x')
        throw new Error('on second thoughts')
      }),
    ).rejects.toThrow('on second thoughts')
    let ended: Parameters<Parameters<typeof space.write>[0]>[0] | undefined
    await space.write((batch) => {
      ended = batch
    })
    await expectCode('TXN_FINISHED', () => ended!.put('a', 'x'))
    const scan = space.scan()
    expect(keysOf(scan)).toEqual(['kept'])
    scan.close()
    expect(db.stats().openSnapshotCount).toBe(0)
  })

  test('takes other views of bytes as the bytes that they show', async () => {
    const db = await openShop()
    const space = db.keySpace('a')
    const words = new Uint16Array([0x0201, 0x0403])
    await space.write((batch) =>
      batch.put(words as never, new DataView(words.buffer, 1, 2) as never),
    )
    expect(space.get(Uint8Array.of(1, 2, 3, 4))).toEqual(Uint8Array.of(2, 3))
  })
})
