// Bytes that format version 3 fixed: the same input gives the same bytes for ever. A difference here is a new format.
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import {
  type FileId,
  SEQ_NUM_MAX,
  type SeqNum,
  type TabletId,
  type TenantId,
} from '../../dist/base/ids.js'
import {
  decodeTokenResult,
  encodeTokenResult,
  tokenKey,
  tokenOfTimeKey,
  tokenTimeKey,
} from '../../dist/catalog/token-format.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { ByteReader, ByteWriter, EndOfBytes } from '../../dist/codec/bytes.js'
import { encodeFileHeader, FILE_TYPE_WAL } from '../../dist/codec/file-header.js'
import { FrameBatch, FrameWriter } from '../../dist/codec/frame.js'
import { decodeJson, encodeJson } from '../../dist/codec/json.js'
import { encodeKeyField, type KeyCell, type KeyKind } from '../../dist/codec/key.js'
import { RowCodec } from '../../dist/codec/row.js'
import { tenantHashOf, writeKeyPrefix } from '../../dist/codec/tenant-key.js'
import { hashBytes } from '../../dist/kernels/bytes.js'
import { decodeVersionEdit, encodeVersionEdit } from '../../dist/lsm/version-edit.js'
import { encodeCommit } from '../../dist/store/commit-format.js'
import { encodeStart } from '../../dist/wal/format.js'
import { SAMPLE_META } from '../fuzz/codec-targets.js'
import { Seeded } from '../model/seeded.js'
import { bytesOf, keyOf, makeTable } from '../unit/sstable/table-kit.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const written = (write: (writer: ByteWriter) => void): string => {
  const writer = new ByteWriter()
  write(writer)
  return hex(writer.finish())
}
const HEADER = encodeFileHeader({
  fileType: FILE_TYPE_WAL,
  databaseId: Uint8Array.from({ length: 16 }, (_, i) => i),
  incarnation: new Uint8Array(8).fill(7),
  fileId: 42 as FileId,
  epoch: 0xdeadbeef,
  transformId: 0,
})
const KEY_CELLS: readonly (readonly [KeyKind, KeyCell])[] = [
  ['text', 'a\0é'],
  ['text', null],
  ['int', -1],
  ['int', 2 ** 40 + 3],
  ['float', -1.5],
  ['bigint', -(10n ** 20n)],
  ['decimal', 12345n],
  ['timestamp', 1_700_000_000_000_000],
  ['boolean', true],
  ['bytes', Uint8Array.of(0, 255, 1)],
  ['uuid', '01234567-89ab-4def-8123-456789abcdef'],
]

it('hashes and tenant prefixes', () => {
  expect(hashBytes(new TextEncoder().encode('tabularium'), 0, 10)).toMatchInlineSnapshot(
    `1298714128`,
  )
  expect([
    tenantHashOf('acme'),
    tenantHashOf('Zürich'),
    tenantHashOf('x'.repeat(100)),
  ]).toMatchInlineSnapshot(`
      [
        2019603394,
        2908468631,
        3842974242,
      ]
    `)
  const prefix = { tenantHash: 0x01020304, tenantId: 5 as TenantId, tableId: 6, indexId: 7 }
  expect(written((writer) => writeKeyPrefix(writer, prefix))).toMatchInlineSnapshot(
    `"0102030400000005000000060007"`,
  )
})

it('keys, ascending and descending', () => {
  const encoded = KEY_CELLS.map(([kind, cell]) =>
    [false, true].map((isDescending) =>
      written((writer) => {
        const field = { kind, isDescending, isNullable: true, scale: 2 }
        encodeKeyField(writer, field, cell)
      }),
    ),
  )
  expect(encoded.flat()).toMatchInlineSnapshot(`
    [
      "016100ffc3a90001",
      "fe9eff003c56fffe",
      "00",
      "ff",
      "017fffffffffffffff",
      "fe8000000000000000",
      "018000010000000003",
      "fe7ffffefffffffffc",
      "014007ffffffffffff",
      "febff8000000000000",
      "0177fa9438a1d29cefffff",
      "fe88056bc75e2d63100000",
      "01823039",
      "fe7dcfc6",
      "0180060a24181e4000",
      "fe7ff9f5dbe7e1bfff",
      "0101",
      "fefe",
      "0100ffff010001",
      "feff0000fefffe",
      "010123456789ab4def8123456789abcdef",
      "fefedcba987654b2107edcba9876543210",
    ]
  `)
})

it('rows and JSON', () => {
  const kinds = ['text', 'int', 'float', 'bigint', 'decimal', 'timestamp', 'boolean'] as const
  const columns = [...kinds, 'bytes' as const, 'uuid' as const, 'enum' as const, 'json' as const]
  const codec = new RowCodec(
    columns.map((kind) => ({ kind, isNullable: true, sinceVersion: 1, values: ['a', 'b'] })),
    1,
    new Set(),
  )
  const json = { a: [1, -2.5, null, 'x'], b: { c: true } }
  const uuid = '01234567-89ab-4def-8123-456789abcdef'
  const cells = ['é', -3, 0.1, 2n ** 80n, -5n, 1e15, true, Uint8Array.of(9), uuid, 'b', json]
  expect(written((writer) => codec.encode(writer, cells))).toMatchInlineSnapshot(
    `"01000002c3a9439a9999999999b93f40000b0000000000000000000001450080c6a47e8d03000101090123456789ab4def8123456789abcdef01050802016101620101636044210bfa010081786102"`,
  )
  const nulls = columns.map(() => null)
  expect(written((writer) => codec.encode(writer, nulls))).toMatchInlineSnapshot(`"01ff07"`)
  expect(written((writer) => encodeJson(writer, json))).toMatchInlineSnapshot(
    `"050802016101620101636044210bfa010081786102"`,
  )
  const texts = ['thirteen units', 'é of 13 units', 'x'.repeat(13), { é: 'y'.repeat(128) }]
  expect(written((writer) => encodeJson(writer, texts))).toMatchInlineSnapshot(
    `"07040102c3a929746869727465656e20756e697473c3a9206f6620313320756e69747378787878787878787878787878448e8d8d600480017979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979"`,
  )
  expect(written((writer) => encodeJson(writer, texts.slice(2)))).toMatchInlineSnapshot(
    `"06040102c3a90d78787878787878787878787878428d600480017979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979797979"`,
  )
  const before = [
    '0406020161016244210bfa010081780601016302',
    '021782a1619401cbc004000000000000c0a178a16281a163c3',
    '010f7b225f5f70726f746f5f5f223a317d',
  ]
  expect(before.map((bytes) => decodeJson(new ByteReader(Buffer.from(bytes, 'hex'))))).toEqual([
    json,
    json,
    JSON.parse('{"__proto__":1}'),
  ])
})

it('file header, START and frames', () => {
  expect(hex(HEADER)).toMatchInlineSnapshot(
    `"544142554c41523103000101efbeadde000102030405060708090a0b0c0d0e0f07070707070707072a0000000000000000000000000000004000000010e651f1"`,
  )
  const previous = { fileId: 41 as FileId, endBytes: 4096, seqNum: 1_700_000_000_000_001 as SeqNum }
  const start = encodeStart({ previous, spaceBytes: 65_536 })
  expect(hex(start)).toMatchInlineSnapshot(
    `"2900000000000000001000000000000001401e18240a06000000010000000000"`,
  )
  const batch = new FrameBatch()
  batch.append(1, previous.seqNum, (out) => out.raw(start))
  batch.append(2, (previous.seqNum + 1) as SeqNum, (out) => out.raw(Uint8Array.of(1, 2, 3)))
  expect(hex(new FrameWriter(HEADER).seal(batch))).toMatchInlineSnapshot(
    `"c7b8b6ca2000000001000000efbeadde01401e18240a060000000000b5c3e8cd40000000000000002900000000000000001000000000000001401e18240a06000000010000000000f4e6820e0300000002000000efbeadde02401e18240a0600c7b8b6caf06a326940000000000000000102030000000000"`,
  )
})

it('commit payloads and version edits', () => {
  const sections = [{ tenantHash: 0x01020304, tenantId: 5 as TenantId, byteCount: 6 }]
  const commit = (writer: ByteWriter) =>
    encodeCommit(writer, sections, {
      seqNum: 99 as SeqNum,
      transform: IDENTITY_TRANSFORM,
      copyRecords: (_section, out) => out.raw(Uint8Array.of(1, 2, 1, 10, 11, 12)),
    })
  expect(written(commit)).toMatchInlineSnapshot(`"0101040302010500000006060102010a0b0c"`)
  const edit = {
    tabletId: 2 as TabletId,
    created: { hashStart: 0x80000000, hashEnd: 2 ** 32 },
    flushedSeqNum: 77 as SeqNum,
    historyMarks: [{ moment: 99 as SeqNum, durable: 77 as SeqNum, floor: 11 as SeqNum }],
    removed: [{ level: 1, fileId: 299 as FileId }],
    added: [{ level: 2, meta: SAMPLE_META }],
  }
  expect(written((writer) => encodeVersionEdit(writer, edit))).toMatchInlineSnapshot(
    `"0201000000800000000001000000024d000000000000000663000000000000004d000000000000000b000000000000000401ab020502ac02f0a204bebafecaf403030a8180f9c0c1c48203020102010900"`,
  )
  // Before there were marks, a floor stood for a job that dropped versions whatever their window.
  const older = Buffer.from('02030b0000000000000000', 'hex')
  expect(decodeVersionEdit(new ByteReader(older)).historyMarks).toEqual([
    { moment: SEQ_NUM_MAX, durable: 11, floor: 11 },
  ])
  const history = {
    entryCount: 20,
    bytes: 3000,
    firstEndSeqNum: 12 as SeqNum,
    lastEndSeqNum: 1_700_000_000_000_000 as SeqNum,
  }
  const later = { ...edit, removed: [], added: [{ level: 2, meta: { ...SAMPLE_META, history } }] }
  expect(written((writer) => encodeVersionEdit(writer, later))).toMatchInlineSnapshot(
    `"0201000000800000000001000000024d000000000000000663000000000000004d000000000000000b000000000000000702ac02f0a204bebafecaf403030a8180f9c0c1c48203020102010914b8170c8080f9c0c1c4820300"`,
  )
})

it('idempotency tokens', () => {
  const tenant = { id: 5 as TenantId, hash: 0x01020304 }
  const timeKey = tokenTimeKey(tenant, 1_700_000_000_000_000, 'é 1')
  const results = [undefined, null, { ok: true }].map(encodeTokenResult)
  expect([hex(tokenKey(tenant, 'é 1')), hex(timeKey), ...results.map(hex)]).toMatchInlineSnapshot(`
    [
      "01020304000000050000000f0000c3a920310001",
      "01020304000000050000000f000180060a24181e4000c3a920310001",
      "0100",
      "0101050000",
      "0101050401026f6b6002",
    ]
  `)
  expect(tokenOfTimeKey(timeKey)).toBe('é 1')
  expect(results.map(decodeTokenResult)).toEqual([undefined, null, { ok: true }])
  for (const wrong of ['', '0200', '0102', '010000', '0101', '01010a']) {
    expect(() => decodeTokenResult(Buffer.from(wrong, 'hex')), wrong).toThrow(EndOfBytes)
  }
})

it('sstables', () => {
  const random = new Seeded(1)
  const entries = Array.from({ length: 300 }, (_, i) => ({
    key: keyOf(1 + (i % 3), `key ${Math.floor(i / 4)}`),
    seqNum: (1_700_000_000_000_000 + i) as SeqNum,
    kind: i % 7 === 0 ? 2 : 1,
    // Nothing for a compressor, whose bytes are not ours.
    value: Uint8Array.from({ length: i % 7 === 0 ? 0 : 40 }, () => random.below(256)),
  }))
  const table = makeTable(entries, { blockBytes: 1024 })
  expect(table.meta.fileBytes).toMatchInlineSnapshot(`15747`)
  expect(table.meta.footerChecksum).toMatchInlineSnapshot(`354323607`)
  expect(digest(bytesOf(table))).toMatchInlineSnapshot(
    `"ecbc094f2b2b22457fde7fb6a555cdd8518644ac1fb5782206d1791da5baf44d"`,
  )
})
