// The shapes of JSON objects: lists of keys, each list known once. Objects of one column are alike, so whoever writes them
// guesses the shape that was in its place last time, and compares instead of looking keys up. Values are alike, too: the
// shapes of a value, in the order in which they appear, are a list that is known once, and is copied and compared whole. A
// list that has come often is packed: whoever copies, compresses and compares it afterwards has less to do.

import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

import { ByteReader, ByteWriter, EndOfBytes, isWellFormed, varintBytes } from './bytes.js'
import { JSON_COMPACT, JSON_PACKED } from './json-tags.js'

/** Kept in all; above it all are forgotten between two values. */
const NODE_MAX_COUNT = 20_000
const LIST_MAX_BYTES = 1 << 20
/** Lists that a reader keeps. */
const LIST_SLOTS = 256
/** A list is packed once it was written so often: that takes 0.4 ms, and what it saves is some 10 us a value. */
const PACK_MIN_COUNT = 64
/** Shorter lists are not worth it, and longer ones would hold up the event loop. */
const PACK_MIN_BYTES = 256
const PACK_MAX_BYTES = 1 << 14
/** Higher quality takes more time than it gains. */
const PACK_PARAMS = { [constants.BROTLI_PARAM_QUALITY]: 5 }
/** Up to here a loop over bytes beats the call into the runtime. */
const LOOP_COMPARE_BYTES = 48

export class Shape {
  readonly keys: readonly string[]
  /** As it stands in a list. */
  readonly bytes: Uint8Array
  readonly hasToJson: boolean
  /** Per property the shape of the object, or of the objects in the array, that was there last time. */
  readonly guesses: (Shape | undefined)[]
  /** The value that it was used in last, and its number there. */
  run: object | undefined
  number = 0
  /** How often objects of it were written or read, until there is code for that. */
  useCount = 0
  /** Writes an object. */
  write: ((...parts: never[]) => number) | undefined
  /** Reads the values of an object. */
  read: ((...parts: never[]) => object) | undefined

  constructor(keys: readonly string[], bytes: Uint8Array) {
    this.keys = keys
    this.bytes = bytes
    this.hasToJson = keys.includes('toJSON')
    this.guesses = Array.from({ length: Math.max(1, keys.length) }, () => undefined)
  }
}

/** The shapes of a value. */
export interface ShapeList {
  readonly shapes: readonly Shape[]
  /** What a value without a part for texts begins with: form, length, keys of each shape, packed or not. */
  readonly head: Uint8Array
  readonly isPacked: boolean
}

/** A place in the tree of all lists: the shapes from the root to here. */
export class ShapeNode {
  readonly shape: Shape | undefined
  readonly parent: ShapeNode | undefined
  /** The one that followed last time. */
  next: ShapeNode | undefined
  #followers: Map<Shape, ShapeNode> | undefined
  #list: ShapeList | undefined
  #listCount = 0

  constructor(shape?: Shape, parent?: ShapeNode) {
    this.shape = shape
    this.parent = parent
  }

  /** For one more value. */
  list(table: ShapeTable): ShapeList {
    this.#list ??= table.added(plainList(pathOf(this)))
    if (++this.#listCount === PACK_MIN_COUNT) this.#list = table.packed(this.#list)
    return this.#list
  }

  follow(shape: Shape, table: ShapeTable): ShapeNode {
    this.#followers ??= new Map()
    let next = this.#followers.get(shape)
    if (next === undefined) {
      next = new ShapeNode(shape, this)
      this.#followers.set(shape, next)
      table.nodeCount++
    }
    this.next = next
    return next
  }
}

function pathOf(last: ShapeNode): Shape[] {
  const shapes: Shape[] = []
  for (let node = last; node.shape !== undefined; node = node.parent!) shapes.push(node.shape)
  return shapes.reverse()
}

interface KeyNode {
  shape: Shape | undefined
  children: Map<string, KeyNode> | undefined
}

export class ShapeTable {
  nodeCount = 0
  /** Shapes that there is code for. */
  codeCount = 0
  #listBytes = 0
  #keys: KeyNode = { shape: undefined, children: undefined }
  #slots: (ShapeList | undefined)[] = []
  /** The list without a shape. */
  root = new ShapeNode()
  /** Owns the guess for the value itself. */
  top = new Shape([], new Uint8Array(0))

  /** To be called between two values only. */
  trim(): void {
    if (this.nodeCount > NODE_MAX_COUNT) {
      this.nodeCount = 0
      this.codeCount = 0
      this.#keys = { shape: undefined, children: undefined }
      this.top = new Shape([], new Uint8Array(0))
    } else if (this.#listBytes <= LIST_MAX_BYTES) {
      return
    }
    this.#listBytes = 0
    this.#slots = []
    this.root = new ShapeNode()
  }

  /** The shape with these keys; undefined when one of them is no text that UTF-8 can hold. */
  find(keys: readonly string[]): Shape | undefined {
    let node = this.#keys
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      node.children ??= new Map()
      let child = node.children.get(key)
      if (child === undefined) {
        if (!isWellFormed(key)) return undefined
        child = { shape: undefined, children: undefined }
        node.children.set(key, child)
        this.nodeCount++
      }
      node = child
    }
    node.shape ??= new Shape(keys, bytesOf(keys))
    return node.shape
  }

  /** The shape that stands at the reader. @throws EndOfBytes */
  readShape(reader: ByteReader): Shape {
    const count = reader.varint()
    if (count > reader.remaining) throw new EndOfBytes()
    const keys: string[] = []
    for (let i = 0; i < count; i++) keys.push(reader.text())
    return this.find(keys)!
  }

  /** The list that stands in those bytes. @throws EndOfBytes */
  readList(bytes: Uint8Array, start: number, end: number, isPacked: boolean): ShapeList {
    const slot = slotOf(bytes, start, end)
    const known = this.#slots[slot]
    if (known !== undefined && isList(known, bytes, start, end, isPacked)) return known
    const plain = isPacked ? unpack(bytes, start, end) : bytes.subarray(start, end)
    const reader = new ByteReader(plain)
    const shapes: Shape[] = []
    while (reader.remaining > 0) shapes.push(this.readShape(reader))
    const list = this.added(listOf(shapes, bytes.subarray(start, end), isPacked))
    this.#listBytes -= known?.head.length ?? 0
    this.#slots[slot] = list
    return list
  }

  /** The list, which from now on counts. */
  added(list: ShapeList): ShapeList {
    this.#listBytes += list.head.length
    return list
  }

  /** The same list packed, which counts in its place; the list itself where that is not worth it. */
  packed(list: ShapeList): ShapeList {
    const packed = packedList(list)
    if (packed === undefined) return list
    this.#listBytes -= list.head.length
    return this.added(packed)
  }
}

function bytesOf(keys: readonly string[]): Uint8Array {
  const writer = new ByteWriter(16 + keys.length * 12)
  writer.varint(keys.length)
  for (const key of keys) writer.text(key)
  return writer.finish()
}

function plainList(shapes: readonly Shape[]): ShapeList {
  const writer = new ByteWriter()
  for (const { bytes } of shapes) writer.raw(bytes)
  return listOf(shapes, writer.finish(), false)
}

/** @param stored  the list as it stands in values */
function listOf(shapes: readonly Shape[], stored: Uint8Array, isPacked: boolean): ShapeList {
  const writer = new ByteWriter(1 + varintBytes(stored.length) + stored.length)
  writer.u8(isPacked ? JSON_COMPACT + JSON_PACKED : JSON_COMPACT)
  writer.varint(stored.length)
  writer.raw(stored)
  return { shapes, head: writer.finish(), isPacked }
}

function listStartOf(head: Uint8Array): number {
  const reader = new ByteReader(head, 1)
  return head.length - reader.varint()
}

/** Undefined when it is too short, too long, or gains less than a quarter. */
function packedList({ shapes, head }: ShapeList): ShapeList | undefined {
  const plain = head.subarray(listStartOf(head))
  if (plain.length < PACK_MIN_BYTES || plain.length > PACK_MAX_BYTES) return undefined
  const writer = new ByteWriter(plain.length)
  writer.varint(plain.length)
  writer.raw(brotliCompressSync(plain, { params: PACK_PARAMS }))
  if (writer.length > plain.length * 0.75) return undefined
  return listOf(shapes, writer.finish(), true)
}

function unpack(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const reader = new ByteReader(bytes, start, end)
  const plainBytes = reader.varint()
  if (plainBytes > PACK_MAX_BYTES) throw new EndOfBytes('a packed list in json is too long')
  const packed = reader.raw(reader.remaining)
  let plain: Uint8Array
  try {
    plain = brotliDecompressSync(packed, { maxOutputLength: PACK_MAX_BYTES })
  } catch {
    throw new EndOfBytes('a packed list in json is damaged')
  }
  if (plain.length !== plainBytes) throw new EndOfBytes('a packed list in json has another length')
  return plain
}

/** Where a reader keeps the list in those bytes. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >>> 1
  return ((end - start) * 31 + bytes[middle]! * 7 + bytes[end - 1]!) % LIST_SLOTS
}

/** Whether the head ends with these bytes, and has none but the form and the length before. */
function isList(
  known: ShapeList,
  bytes: Uint8Array,
  start: number,
  end: number,
  isPacked: boolean,
): boolean {
  const { head } = known
  const count = end - start
  const headStart = 1 + varintBytes(count)
  if (known.isPacked !== isPacked || head.length !== headStart + count) return false
  if (count > LOOP_COMPARE_BYTES) {
    return Buffer.prototype.compare.call(head, bytes, start, end, headStart) === 0
  }
  for (let i = 0; i < count; i++) if (head[headStart + i] !== bytes[start + i]) return false
  return true
}
