// Decoders of bytes: a typed refusal, or a value that survives being written and read again.
import { EngineError } from '../../dist/base/errors.js'
import type { FileId, SeqNum, TabletId, TenantId } from '../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { ByteReader, ByteWriter, EndOfBytes, loadU32, storeU32 } from '../../dist/codec/bytes.js'
import type { Cell, JsonValue } from '../../dist/codec/cell.js'
import { crc32 } from '../../dist/codec/checksum.js'
import { BadCompression, compress, decompress } from '../../dist/codec/compression.js'
import {
  decodeFileHeader,
  encodeFileHeader,
  FILE_TYPE_WAL,
  FORMAT_VERSION,
} from '../../dist/codec/file-header.js'
import { decodeJson, encodeJson, NotJson, toJsonValue } from '../../dist/codec/json.js'
import { decodeKeyField, encodeKeyField } from '../../dist/codec/key.js'
import { RowCodec } from '../../dist/codec/row.js'
import { decodeManifestPayload, encodeManifestPayload } from '../../dist/lsm/manifest-format.js'
import { decodeCommit, encodeCommit } from '../../dist/store/commit-format.js'
import type { Seeded } from '../model/seeded.js'
import { KEY_KINDS } from '../unit/codec/cells.js'
import { mutated } from './mutator.js'
import { assertSame } from './same.js'

/** One thing that is fed. */
export interface Target {
  readonly name: string
  /** How many inputs of the cheapest target one input of this one costs. */
  readonly cost: number
  make(random: Seeded): Uint8Array
  /**
   * @returns whether the input was accepted, so that what lies behind was reached
   * @throws when the property does not hold
   */
  check(input: Uint8Array): boolean | Promise<boolean>
}

/** Whether the call ended well; a typed error is a refusal, anything else is passed on. */
export function accepts(call: () => void): boolean {
  try {
    call()
    return true
  } catch (error) {
    if (error instanceof EngineError && error.code !== 'INTERNAL') return false
    throw error
  }
}

/** The same for decoders whose callers turn what they throw into an error of their own. */
function decodes(call: () => void): boolean {
  try {
    return accepts(call)
  } catch (error) {
    if (error instanceof EndOfBytes || error instanceof BadCompression) return false
    throw error
  }
}

const output = new ByteWriter(64 * 1024)

/** What is written, valid until the next call. */
function rewritten(write: (writer: ByteWriter) => void): Uint8Array {
  output.reset()
  write(output)
  return output.view()
}

function written(write: (writer: ByteWriter) => void): Uint8Array {
  return rewritten(write).slice()
}

const JSON_CELL = 10
const UUID = '01234567-89ab-4def-8123-456789abcdef'
const KEY_CELLS = ['a\0b', -7, 1.5, 10n ** 30n, -5n, 1e15, true, Uint8Array.of(0, 255), UUID]

/** The first byte says which field, the rest is the key. */
function keyTarget(): Target {
  const fieldOf = (selector: number) => ({
    kind: KEY_KINDS[selector % KEY_KINDS.length]!,
    isDescending: (selector & 64) !== 0,
    isNullable: (selector & 128) !== 0,
    scale: 2,
  })
  const seeds = Array.from({ length: 256 }, (_, selector) =>
    written((writer) => {
      writer.u8(selector)
      encodeKeyField(writer, fieldOf(selector), KEY_CELLS[selector % KEY_KINDS.length]!)
    }),
  )
  return {
    name: 'key fields',
    cost: 1,
    make: (random) => mutated(random, seeds),
    check(input) {
      if (input.length === 0) return false
      const field = fieldOf(input[0]!)
      return decodes(() => {
        const reader = new ByteReader(input, 1)
        const cell = decodeKeyField(reader, field)
        const again = rewritten((writer) => encodeKeyField(writer, field, cell))
        const second = decodeKeyField(new ByteReader(again), field)
        assertSame(cell, second)
        // One value has one encoding, or equal keys would be two. Texts come from callers that refuse what is no UTF-8.
        const taken = input.subarray(1, reader.position)
        if (field.kind !== 'text' && Buffer.compare(again, taken) !== 0) {
          throw new Error(`${field.kind} ${String(cell)} has two encodings`)
        }
      })
    },
  }
}

function rowTarget(): Target {
  const kinds = [...KEY_KINDS, 'enum', 'json'] as const
  const columns = kinds.map((kind, i) => ({
    kind,
    isNullable: i % 2 === 0,
    sinceVersion: i > 7 ? 2 : 1,
    values: ['a', 'b'],
    default: kind === 'json' ? {} : kind === 'enum' ? 'a' : KEY_CELLS[i]!,
  }))
  const codec = new RowCodec(columns, 2, new Set([1]))
  const json = { a: [1, null, 'x'] }
  const cells: Cell[] = [...KEY_CELLS, 'b', json]
  const nulls = cells.map((cell, i) => (i % 2 === 0 ? null : cell))
  const seeds = [cells, nulls].map((row) => written((writer) => codec.encode(writer, row)))
  const emptyRow: Cell[] = columns.map((_, i) => (i === 1 ? 1 : null))
  return {
    name: 'rows',
    cost: 1,
    make: (random) => mutated(random, seeds),
    check(input) {
      const row: Cell[] = emptyRow.slice()
      if (!decodes(() => codec.decode(input, 0, input.length, row))) return false
      // Bytes with a right checksum may still spell a value of msgpack that JSON has not.
      if (row[JSON_CELL] !== null) {
        const value = jsonOf(row[JSON_CELL])
        if (value === undefined) return false
        row[JSON_CELL] = value
      }
      const again = rewritten((writer) => codec.encode(writer, row))
      const second: Cell[] = emptyRow.slice()
      codec.decode(again, 0, again.length, second)
      assertSame(row, second)
      return true
    },
  }
}

/** The value as it would be stored; undefined when JSON has no such value. */
function jsonOf(value: unknown): JsonValue | undefined {
  try {
    return toJsonValue(value)
  } catch (error) {
    if (error instanceof NotJson) return undefined
    throw error
  }
}

function jsonTarget(): Target {
  const values = [{ a: [1, -2.5, null, 'x'], b: { c: true } }, 'é'.repeat(40), 2 ** 40, [], null]
  const seeds = values.map((value) => written((writer) => encodeJson(writer, value)))
  seeds.push(written((writer) => encodeJson(writer, JSON.parse('{"__proto__": [1]}'))))
  const texts = [{ a: 'a text apart' }, { a: 'another é apart' }, 'one more of them']
  seeds.push(written((writer) => encodeJson(writer, texts)))
  // Of the form before, in which shapes stand before their first objects.
  seeds.push(Buffer.from('0406020161016244210bfa010081780601016302', 'hex'))
  return {
    name: 'json',
    cost: 1,
    make: (random) => mutated(random, seeds),
    check(input) {
      return decodes(() => {
        const value = decodeJson(new ByteReader(input))
        const json = jsonOf(value)
        if (json === undefined) return
        const again = rewritten((writer) => encodeJson(writer, json))
        assertSame(json, decodeJson(new ByteReader(again)))
        if ('polluted' in {}) throw new Error('a prototype was changed')
      })
    },
  }
}

export const SAMPLE_META = {
  fileId: 300 as FileId,
  fileBytes: 70_000,
  footerChecksum: 0xcafebabe,
  entryCount: 500,
  tombstoneCount: 3,
  minSeqNum: 10 as SeqNum,
  maxSeqNum: 1_700_000_000_000_001 as SeqNum,
  smallestKey: Uint8Array.of(1, 2),
  largestKey: Uint8Array.of(9),
  history: undefined,
}

const SAMPLE_HISTORY = {
  entryCount: 30,
  bytes: 4000,
  firstEndSeqNum: 20 as SeqNum,
  lastEndSeqNum: 1_700_000_000_000_000 as SeqNum,
}

export function manifestSeeds(): Uint8Array[] {
  const tabletId = 1 as TabletId
  const created = { hashStart: 0, hashEnd: 2 ** 32 }
  const added = [{ level: 0, meta: SAMPLE_META }]
  const removed = [{ level: 0, fileId: 300 as FileId }]
  const edits = [
    [{ tabletId, created, added: [], removed: [] }],
    [
      {
        tabletId,
        added,
        removed: [],
        flushedSeqNum: 77 as SeqNum,
        historyMarks: [{ moment: 90 as SeqNum, durable: 77 as SeqNum, floor: 5 as SeqNum }],
      },
    ],
    [
      {
        tabletId,
        added: [{ level: 1, meta: { ...SAMPLE_META, history: SAMPLE_HISTORY } }],
        removed,
      },
    ],
    [],
  ]
  const nextFileId = 301 as FileId
  return edits.map((list) => encodeManifestPayload({ nextFileId, edits: list }).slice())
}

function editTarget(): Target {
  const seeds = manifestSeeds()
  return {
    name: 'manifest edits',
    cost: 1,
    make: (random) => mutated(random, seeds),
    check(input) {
      return decodes(() => {
        const payload = decodeManifestPayload(input)
        const again = encodeManifestPayload(payload)
        assertSame(payload, decodeManifestPayload(again))
      })
    },
  }
}

export function commitSeeds(): Uint8Array[] {
  const records = new ByteWriter()
  for (const record of [
    [1, 14, 3],
    [2, 14, 0],
    [0, 14, 1],
  ]) {
    records.raw(Uint8Array.from(record))
    records.raw(new Uint8Array(14 + record[2]!).fill(5))
  }
  const section = { tenantHash: 7, tenantId: 1 as TenantId, byteCount: records.length }
  const options = {
    seqNum: 9 as SeqNum,
    transform: IDENTITY_TRANSFORM,
    copyRecords: (_section: unknown, out: ByteWriter) => out.raw(records.view()),
  }
  return [[section], [section, section], []].map((sections) =>
    written((writer) => encodeCommit(writer, sections, options)),
  )
}

function commitTarget(): Target {
  const seeds = commitSeeds()
  return {
    name: 'commit payloads',
    cost: 1,
    make: (random) => mutated(random, seeds),
    check(input) {
      return decodes(() =>
        decodeCommit(input, 9 as SeqNum, IDENTITY_TRANSFORM, (_, bytes, start, keyEnd, end) => {
          if (start > keyEnd || keyEnd > end || end > bytes.length) throw new Error('out of bounds')
        }),
      )
    },
  }
}

function headerTarget(): Target {
  const expected = { path: '/x', fileType: FILE_TYPE_WAL, corruptCode: 'WAL_CORRUPT' } as const
  const seed = encodeFileHeader({
    fileType: FILE_TYPE_WAL,
    databaseId: new Uint8Array(16).fill(3),
    incarnation: new Uint8Array(8).fill(7),
    fileId: 42 as FileId,
    epoch: 9,
    transformId: 0,
  })
  const seeds = [seed]
  return {
    name: 'file headers',
    cost: 1,
    make(random) {
      const bytes = mutated(random, seeds)
      if (bytes.length >= 64 && random.chance(0.8)) storeU32(bytes, 60, crc32(bytes, 0, 60))
      return bytes
    },
    check(input) {
      return decodes(() => {
        const identity = decodeFileHeader(input, expected)
        const again = decodeFileHeader(encodeFileHeader(identity), expected)
        // Headers of version 1 are read; written is the newest.
        assertSame({ ...identity, formatVersion: FORMAT_VERSION }, again)
      })
    },
  }
}

function compressionTarget(): Target {
  const seeds = [new Uint8Array(500), Buffer.from('abcabcabcabcabcdabcabcabcabc'.repeat(9))].map(
    (bytes) => new Uint8Array(compress(bytes).bytes),
  )
  return {
    name: 'compressed blocks',
    cost: 4,
    make: (random) => mutated(random, seeds),
    check(input) {
      const claimed = input.length < 4 ? 10 : loadU32(input, 0)
      // Readers refuse a larger claim before they come here.
      if (claimed > input.length * 256) return false
      return decodes(() => {
        if (decompress(1, input, claimed).length !== claimed) throw new Error('another length')
      })
    },
  }
}

export const CODEC_TARGETS: readonly Target[] = [
  keyTarget(),
  rowTarget(),
  jsonTarget(),
  editTarget(),
  commitTarget(),
  headerTarget(),
  compressionTarget(),
]
