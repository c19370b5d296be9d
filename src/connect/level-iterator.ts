import { AbstractIterator, type AbstractIteratorOptions } from 'abstract-level'
import type { KeyScan, RawBytes } from '../index.js'
import { codedError, levelError } from './level-error.js'

/** Entries read in one go; then other work of the event loop has its turn. */
const STEP_COUNT = 512

/** Keys and values in the format that abstract-level decodes them from: text or bytes. */
type Entry = [key: RawBytes | undefined, value: RawBytes | undefined]

/** What abstract-level hands down: bounds and encodings are those of the database by then, not of its user. */
export interface IteratorOptions extends AbstractIteratorOptions<RawBytes, RawBytes> {
  readonly keyEncoding: string
  readonly valueEncoding: string
}

export interface IteratorParts {
  readonly options: IteratorOptions
  /** Closed with the iterator. */
  readonly scan: KeyScan
  readonly yield: () => Promise<void>
}

/** Reads at the state of the moment when it was made. */
export class LevelIterator extends AbstractIterator<object, RawBytes, RawBytes> {
  readonly #scan: KeyScan
  readonly #read: (scan: KeyScan) => Entry
  readonly #yield: () => Promise<void>
  readonly #signal: AbortSignal | undefined
  #stepLeft = STEP_COUNT

  constructor(db: object, parts: IteratorParts) {
    super(db, parts.options)
    this.#scan = parts.scan
    this.#read = entryReader(parts.options)
    this.#yield = parts.yield
    this.#signal = parts.options.signal
  }

  protected _next(): Entry | undefined | Promise<Entry | undefined> {
    return this.#mustWait ? this.#nextLater() : this.#readOne()
  }

  protected _nextv(size: number): Entry[] | Promise<Entry[]> {
    return this.#mustWait ? this.#addLater([], size) : this.#add([], size)
  }

  protected _seek(target: RawBytes): void {
    this.#scan.seek(target)
  }

  protected _close(): void {
    this.#scan.close()
  }

  /** Who can abort a read is given the time to do so. */
  get #mustWait(): boolean {
    return this.#stepLeft <= 0 || this.#signal !== undefined
  }

  async #wait(): Promise<void> {
    if (this.#stepLeft > 0) {
      await undefined
    } else {
      await this.#yield()
      this.#stepLeft = STEP_COUNT
    }
    if (this.#signal?.aborted !== true) return
    const error = codedError('LEVEL_ABORTED', 'Operation has been aborted', this.#signal.reason)
    throw Object.assign(error, { name: 'AbortError' })
  }

  #readOne(): Entry | undefined {
    this.#stepLeft--
    return this.#advance() ? this.#read(this.#scan) : undefined
  }

  async #nextLater(): Promise<Entry | undefined> {
    await this.#wait()
    return this.#readOne()
  }

  #add(entries: Entry[], size: number): Entry[] | Promise<Entry[]> {
    while (entries.length < size && this.#advance()) {
      entries.push(this.#read(this.#scan))
      if (--this.#stepLeft <= 0 && entries.length < size) return this.#addLater(entries, size)
    }
    return entries
  }

  async #addLater(entries: Entry[], size: number): Promise<Entry[]> {
    await this.#wait()
    return this.#add(entries, size)
  }

  #advance(): boolean {
    try {
      return this.#scan.next()
    } catch (error) {
      throw levelError(error)
    }
  }
}

/** Takes from an entry what is asked for, and nothing else. */
function entryReader(options: IteratorOptions): (scan: KeyScan) => Entry {
  const { keys, values } = options
  const key = options.keyEncoding === 'utf8' ? keyText : keyBytes
  const value = options.valueEncoding === 'utf8' ? valueText : valueBytes
  if (keys === false) return (scan) => [undefined, value(scan)]
  if (values === false) return (scan) => [key(scan), undefined]
  return (scan) => [key(scan), value(scan)]
}

const keyText = (scan: KeyScan) => scan.keyText
const keyBytes = (scan: KeyScan) => scan.key
const valueText = (scan: KeyScan) => scan.valueText
const valueBytes = (scan: KeyScan) => scan.value
