// The shapes of JSON objects: lists of keys, each list known once. Objects of one column are alike, so whoever writes or
// reads one guesses the shape that was in its place last time, and compares instead of looking keys up.

import { ByteWriter, isWellFormed } from './bytes.js'

/** Announces a shape that the value has not used before: the count of its keys and the keys follow. */
export const TAG_NEW_SHAPE = 0x06

/** Kept in all; above it all are forgotten between two values. */
const NODE_MAX_COUNT = 20_000

export class Shape {
  readonly keys: readonly string[]
  /** As it stands before the first object of this shape in a value. */
  readonly header: Uint8Array
  readonly hasToJson: boolean
  /** Per property the shape of the object, or of the objects in the array, that was there last time. */
  readonly guesses: (Shape | undefined)[]
  /** The value that it was used in last, and its number there. */
  run: object | undefined
  number = 0
  /** How often objects of it were read, until there is code for that. */
  readCount = 0
  /** Reads the values of an object. */
  read: ((...parts: never[]) => object) | undefined

  constructor(keys: readonly string[], header: Uint8Array) {
    this.keys = keys
    this.header = header
    this.hasToJson = keys.includes('toJSON')
    this.guesses = Array.from({ length: Math.max(1, keys.length) }, () => undefined)
  }
}

interface Node {
  shape: Shape | undefined
  children: Map<string, Node> | undefined
}

export class ShapeTable {
  #root: Node = { shape: undefined, children: undefined }
  #nodeCount = 0
  /** Owns the guess for the value itself. */
  top: Shape = new Shape([], new Uint8Array(0))

  /** To be called between two values only. */
  trim(): void {
    if (this.#nodeCount <= NODE_MAX_COUNT) return
    this.#root = { shape: undefined, children: undefined }
    this.#nodeCount = 0
    this.top = new Shape([], new Uint8Array(0))
  }

  /** The shape with these keys; undefined when one of them is no text that UTF-8 can hold. */
  find(keys: readonly string[]): Shape | undefined {
    let node = this.#root
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      node.children ??= new Map()
      let child = node.children.get(key)
      if (child === undefined) {
        if (!isWellFormed(key)) return undefined
        child = { shape: undefined, children: undefined }
        node.children.set(key, child)
        this.#nodeCount++
      }
      node = child
    }
    node.shape ??= new Shape(keys, headerOf(keys))
    return node.shape
  }
}

function headerOf(keys: readonly string[]): Uint8Array {
  const writer = new ByteWriter(16 + keys.length * 12)
  writer.u8(TAG_NEW_SHAPE)
  writer.varint(keys.length)
  for (const key of keys) writer.text(key)
  return writer.finish()
}
