import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter, EndOfBytes } from '../../../dist/codec/bytes.js'
import { decodeVersionEdit, encodeVersionEdit } from '../../../dist/lsm/version-edit.js'
import { anyEdit, tabletIdOf } from './table-metas.js'

describe('version edits', () => {
  test('come back as they were written, one behind the other', () => {
    fc.assert(
      fc.property(fc.array(anyEdit, { maxLength: 4 }), (edits) => {
        const writer = new ByteWriter()
        for (const edit of edits) encodeVersionEdit(writer, edit)
        const reader = new ByteReader(writer.finish())
        expect(edits.map(() => decodeVersionEdit(reader))).toEqual(edits)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  test('bytes that are cut or foreign are refused, never misread past their end', () => {
    fc.assert(
      fc.property(anyEdit, fc.nat(), fc.integer({ min: 0, max: 255 }), (edit, at, byte) => {
        const writer = new ByteWriter()
        encodeVersionEdit(writer, edit)
        const bytes = writer.finish()
        const cut = new ByteReader(bytes.subarray(0, at % bytes.length))
        expect(() => decodeVersionEdit(cut)).toThrow(EndOfBytes)
        bytes[at % bytes.length] = byte
        try {
          decodeVersionEdit(new ByteReader(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(EndOfBytes)
        }
      }),
    )
  })

  test('an empty edit takes two bytes', () => {
    const writer = new ByteWriter()
    encodeVersionEdit(writer, { tabletId: tabletIdOf(5), added: [], removed: [] })
    expect([...writer.finish()]).toEqual([5, 0])
  })
})
