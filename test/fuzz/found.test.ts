// What fuzzing found, as sessions.
import { expect, it } from 'vitest'
import { storeU32 } from '../../dist/codec/bytes.js'
import { placedChecksum, placeSeedOf } from '../../dist/codec/file-header.js'
import { Block } from '../../dist/sstable/block.js'
import { BlockBuilder } from '../../dist/sstable/block-builder.js'
import { decodeFooter, encodeFooter, FOOTER_BYTES } from '../../dist/sstable/format.js'
import { QueryKit } from '../unit/query/query-kit.js'

it('a time that no column holds is refused, and does not make its row unreadable', async () => {
  const kit = new QueryKit().table('t', { id: 'text', at: 'timestamp?' }, ['id'])
  for (const time of ['2424-01-01', '9999-12-31T23:59:59.999999Z', '1600-01-01']) {
    const refusal = await kit.refusal(`insert into t values ('x', timestamp '${time}')`)
    expect(refusal.code).toBe('SCHEMA_TYPE_MISMATCH')
  }
  await kit.result("insert into t values ('x', timestamp '2200-01-01')")
  const refusal = await kit.refusal("update t set at = timestamp '2424-01-01'")
  expect(refusal.code).toBe('SCHEMA_TYPE_MISMATCH')
  expect(await kit.rows('select id from t')).toEqual([['x']])
})

it('an entry of an unknown kind is damage, not an absent key', () => {
  const builder = new BlockBuilder()
  const key = new TextEncoder().encode('tenant--key')
  builder.add(0, key, 8, key.length, 5, 3, new Uint8Array(1), 0, 1)
  const read = () => new Block(builder.finish(), { path: '/000001.sst', offsetBytes: 64 })
  expect(read).toThrow(expect.objectContaining({ code: 'SSTABLE_CORRUPT' }))
})

it('a footer whose numbers no file has is damage, whatever its checksum says', () => {
  const header = new Uint8Array(64)
  const placeSeed = placeSeedOf(header)
  const fileBytes = 1000
  const offsetBytes = fileBytes - FOOTER_BYTES
  const footer = encodeFooter(
    {
      directoryOffsetBytes: 900,
      directoryBytes: 20,
      directoryRawBytes: 20,
      directoryChecksum: 0,
      propertiesBytes: 16,
      propertiesChecksum: 0,
      fileBytes,
      directoryCodecId: 0,
      garbageBytes: 0,
      garbageRawBytes: 0,
      garbageChecksum: 0,
      garbageCodecId: 0,
    },
    placeSeed,
  )
  const decode = () => decodeFooter(footer, placeSeed, fileBytes, '/000001.sst')
  expect(decode().directoryOffsetBytes).toBe(900)
  footer[7] = 1
  storeU32(footer, 52, placedChecksum(placeSeed, offsetBytes, footer, 0, 52))
  expect(decode).toThrow(expect.objectContaining({ code: 'SSTABLE_CORRUPT' }))
})
