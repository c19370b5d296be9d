// Applies one damage to a copy of the reference, opens it, reads everything back and judges.
import { EngineError } from '../../dist/base/errors.js'
import type { SeqNum } from '../../dist/base/ids.js'
import { IDENTITY_TRANSFORM } from '../../dist/codec/block-transform.js'
import { FRAME_HEADER_BYTES } from '../../dist/codec/frame.js'
import { readFile } from '../../dist/env/file-system.js'
import type { MemoryFileSystem } from '../../dist/env/memory-file-system.js'
import { compareKeys } from '../../dist/kernels/bytes.js'
import { describeTable } from '../../dist/sstable/describe.js'
import type { Store } from '../../dist/store/store.js'
import { describeWal, type WalFrameDescription } from '../../dist/wal/describe.js'
import type { Damage } from './damage.js'
import {
  type Answers,
  askFace,
  CORRUPT_CODES,
  type Findings,
  readBack,
  WrongAnswer,
} from './read-back.js'
import { DIRECTORY, filesOf, openImage, type Reference } from './reference.js'

/**
 * - refused: opening failed with a typed error, and changed nothing
 * - detected: it opened, and every answer is right or an error about the damage
 * - harmless: every answer is right
 * - torn: the newest commit, whose sync nothing proves, counts as torn; all before it is right
 * - lost: several of the newest commits are gone together with every proof that they were there; all before is right
 */
export type Verdict = 'refused' | 'detected' | 'harmless' | 'torn' | 'lost'

/** What a damage of a table may make unreadable: keys of one tenant from one key to another. */
interface BlockKeys {
  readonly file: string
  readonly startBytes: number
  readonly endBytes: number
  readonly lower: Uint8Array
  readonly upper: Uint8Array
}

export interface JudgeOptions {
  /** Ask as applications do, compact and reopen too. */
  readonly isThorough: boolean
}

export class Judge {
  readonly #reference: Reference
  readonly #answers: Answers
  readonly #face: ReadonlyMap<string, string>
  readonly #moments: readonly SeqNum[]
  readonly #blocks: readonly BlockKeys[]
  readonly #newestWal: NewestWal

  constructor(
    reference: Reference,
    answers: Answers,
    face: ReadonlyMap<string, string>,
    moments: readonly SeqNum[],
  ) {
    this.#reference = reference
    this.#answers = answers
    this.#face = face
    this.#moments = moments
    this.#blocks = blockKeys(reference)
    this.#newestWal = newestWal(reference.image)
  }

  /** @throws on any answer that is neither right nor a typed error about damage */
  async judge(damage: Damage, options: JudgeOptions): Promise<Verdict> {
    const fs = this.#reference.image.clone()
    damage.apply(fs)
    const before = options.isThorough ? filesOf(fs) : undefined
    let store: Store
    let database: Awaited<ReturnType<typeof openImage>>['database']
    try {
      ;({ store, database } = await openImage(fs, 2))
    } catch (error) {
      checkRefusal(error, damage)
      if (before !== undefined) checkUntouched(before, filesOf(fs))
      return 'refused'
    }
    const last = store.readable
    if (last !== this.#answers.last) this.#checkTail(last, damage, fs)
    const isDeep = options.isThorough
    const findings = readBack(store, this.#answers, last, { isDeep })
    const verified = await store.verify()
    checkErrors(findings, verified.isSound, damage)
    this.#checkRadius(findings, damage)
    let isDetected = !findings.isClean || !verified.isSound
    if (options.isThorough) {
      if (last === this.#answers.last) await this.#checkFace(await tolerant(database))
      const again = await this.#compactAndReopen(store, fs, last)
      isDetected ||= again
    }
    if (isDetected) return 'detected'
    if (last === this.#answers.last) return 'harmless'
    return last === this.#answers.commits.at(-2) ? 'torn' : 'lost'
  }

  /** What is missing at the end is the newest, and nothing that is left of the log proves that it was there. */
  #checkTail(last: SeqNum, damage: Damage, fs: MemoryFileSystem): void {
    const isNewest = damage.files.includes(this.#newestWal.file)
    if (!isNewest || !this.#answers.commits.includes(last)) {
      throw new WrongAnswer(`opened at ${last} instead of ${this.#answers.last}`)
    }
    const path = `${DIRECTORY}/${this.#newestWal.file}`
    const bytes = fs.exists(path) ? readFile(fs, path) : new Uint8Array(0)
    let provenBytes = 0
    for (const { offsetBytes, header, syncedUpToBytes } of this.#newestWal.frames) {
      const now = bytes.subarray(offsetBytes, offsetBytes + header.length)
      if (Buffer.compare(now, header) === 0) provenBytes = Math.max(provenBytes, syncedUpToBytes)
    }
    const proven = this.#newestWal.frames.findLast(({ offsetBytes }) => offsetBytes < provenBytes)
    if (proven !== undefined && last < proven.seqNum) {
      throw new WrongAnswer(`opened at ${last}, though ${proven.seqNum} is proven durable`)
    }
  }

  /** C4: what lies outside of a damaged block can be read. */
  #checkRadius({ unreadableKeys }: Findings, { files: [file], place }: Damage): void {
    if (place === undefined || unreadableKeys.length === 0) return
    const { startBytes, endBytes } = place
    const block = this.#blocks.find(
      (one) => one.file === file && one.startBytes <= startBytes && endBytes <= one.endBytes,
    )
    if (block === undefined) return
    for (const key of unreadableKeys) {
      if (compareKeys(key, block.lower) >= 0 && compareKeys(key, block.upper) <= 0) continue
      throw new WrongAnswer(`${Buffer.from(key).toString('hex')} is not in the damaged block`)
    }
  }

  async #checkFace(db: Awaited<ReturnType<typeof tolerant>>): Promise<void> {
    if (db === undefined) return
    for (const [question, answer] of await askFace(db, this.#moments)) {
      if (answer === 'damaged' || answer === this.#face.get(question)) continue
      throw new WrongAnswer(`${question}: ${answer} instead of ${this.#face.get(question)}`)
    }
  }

  /** Compaction that meets damage neither hides it nor brings anything back. */
  async #compactAndReopen(store: Store, fs: Reference['image'], last: SeqNum): Promise<boolean> {
    let isDetected = false
    const note = (error: unknown): void => {
      if (!(error instanceof EngineError)) throw error
      isDetected = true
    }
    await store.compact().catch(note)
    try {
      isDetected ||= !readBack(store, this.#answers, last, { isDeep: true }).isClean
    } finally {
      await store.close().catch(note)
    }
    let again: Store
    try {
      again = (await openImage(fs, 3)).store
    } catch (error) {
      if (!(error instanceof EngineError) || !CORRUPT_CODES.has(error.code)) throw error
      return true
    }
    isDetected ||= !readBack(again, this.#answers, last, { isDeep: true }).isClean
    await again.close().catch(note)
    return isDetected
  }
}

async function tolerant(open: Awaited<ReturnType<typeof openImage>>['database']) {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof EngineError) || !CORRUPT_CODES.has(error.code)) throw error
    return undefined
  }
}

function checkRefusal(error: unknown, { files }: Damage): void {
  if (!(error instanceof EngineError) || !CORRUPT_CODES.has(error.code)) throw error
  checkNames(error, files)
}

function checkErrors({ errors }: Findings, isSound: boolean, { files }: Damage): void {
  if (errors.length > 0 && isSound) throw new WrongAnswer('reads fail, but verify finds no damage')
  for (const error of errors) checkNames(error, files)
}

/** An error about damage says where: a file that was touched, or one that contradicts it. */
function checkNames(error: EngineError, files: readonly string[]): void {
  const { path, file } = error.details
  const named = `${path ?? ''} ${file ?? ''}`
  if (named.trim() === '') throw new WrongAnswer(`an error without its file: ${error.message}`)
  if (error.code === 'SSTABLE_CORRUPT' && !files.some((name) => named.includes(name))) {
    throw new WrongAnswer(`damage of ${files} is blamed on ${named}`)
  }
}

function checkUntouched(
  before: ReadonlyMap<string, Uint8Array>,
  after: ReadonlyMap<string, Uint8Array>,
): void {
  for (const [name, bytes] of before) {
    const now = after.get(name)
    if (now === undefined) throw new WrongAnswer(`a refused opening removed ${name}`)
    if (Buffer.compare(now, bytes) !== 0) {
      throw new WrongAnswer(`a refused opening changed ${name}`)
    }
  }
  if (after.size !== before.size) throw new WrongAnswer('a refused opening left new files')
}

interface NewestWal {
  readonly file: string
  readonly frames: readonly (WalFrameDescription & { readonly header: Uint8Array })[]
}

function newestWal(fs: MemoryFileSystem): NewestWal {
  const files = fs.list(DIRECTORY).filter((name) => name.endsWith('.wal'))
  for (const file of files.toReversed()) {
    const path = `${DIRECTORY}/${file}`
    const { frames } = describeWal(fs, path)
    if (frames.length < 2) continue
    const bytes = readFile(fs, path)
    const withHeader = frames.map((frame) => {
      const { offsetBytes } = frame
      return { ...frame, header: bytes.slice(offsetBytes, offsetBytes + FRAME_HEADER_BYTES) }
    })
    return { file, frames: withHeader }
  }
  throw new Error('the reference has no log')
}

/** Of each data block, the keys from the last one before it to the first one behind it. */
function blockKeys({ image }: Reference): BlockKeys[] {
  const all: BlockKeys[] = []
  for (const file of image.list(DIRECTORY).filter((name) => name.endsWith('.sst'))) {
    let blocks: { file: string; startBytes: number; endBytes: number; keys: Uint8Array[] }[] = []
    let part: string | undefined
    const endPart = () => {
      for (const [i, { keys, ...place }] of blocks.entries()) {
        const lower = (blocks[i - 1]?.keys ?? keys.slice(0, 1)).at(-1)!
        const upper = (blocks[i + 1]?.keys ?? keys.slice(-1))[0]!
        all.push({ ...place, lower, upper })
      }
      blocks = []
    }
    const options = { transform: IDENTITY_TRANSFORM, withEntries: true }
    for (const item of describeTable(image, `${DIRECTORY}/${file}`, options)) {
      if (item.what === 'tenant') endPart()
      else if (item.what === 'entry') blocks.at(-1)!.keys.push(item.key.slice())
      else if (item.what === 'block') {
        if (item.part !== part) endPart()
        part = item.part
        const { offsetBytes, storedBytes } = item
        const endBytes = offsetBytes + storedBytes
        blocks.push({ file, startBytes: offsetBytes, endBytes, keys: [] })
      }
    }
    endPart()
  }
  return all
}
