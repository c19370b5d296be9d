// Which states a crash at one moment may leave: the list that the enumeration goes through.
import type {
  CallFate,
  CrashRule,
  MemoryFileSystem,
  UnsyncedCall,
} from '../../dist/env/memory-file-system.js'
import type { Seeded } from '../model/seeded.js'

const SUBSET_COUNT = 3
const GROWN = ['short', 'zeros', 'rubbish'] as const
const OVERWRITTEN = ['short', 'rubbish'] as const

export interface CrashState {
  /** For the failure message: what survived. */
  readonly name: string
  /** Only the process died: everything written is there. */
  readonly isPowered: boolean
  readonly makeImage: () => MemoryFileSystem
}

/** Every state of the list for a crash now; the file system stays as it is. */
export function* crashStates(fs: MemoryFileSystem, random: Seeded): Generator<CrashState> {
  const calls = fs.unsyncedCalls()
  for (const [name, rule] of rules(calls)) {
    yield { name, isPowered: rule === 'kept', makeImage: () => fs.crashImage(random, rule) }
  }
}

function* rules(calls: readonly UnsyncedCall[]): Generator<[string, CrashRule]> {
  yield ['nothing un-synced', 'lost']
  if (calls.length === 0) return
  yield ['everything', 'kept']
  const numbers = [...new Set(calls.map(({ number }) => number))]
  for (const last of numbers.slice(0, -1)) {
    yield [`the calls up to ${last}`, (call) => (call <= last ? 'kept' : 'lost')]
  }
  if (numbers.length > 1) {
    for (const missing of numbers) {
      yield [`all but call ${missing}`, (call) => (call === missing ? 'lost' : 'kept')]
      yield [`only call ${missing}`, (call) => (call === missing ? 'kept' : 'lost')]
    }
    for (let i = 0; i < SUBSET_COUNT; i++) yield ['any subset', 'subset']
  }
  yield* tornRules(calls)
  for (let i = 0; i < SUBSET_COUNT; i++) yield ['any subset, torn', 'torn']
}

/** Each write torn in each way, with the other calls kept and with the later ones lost. */
function* tornRules(calls: readonly UnsyncedCall[]): Generator<[string, CrashRule]> {
  const last = calls.at(-1)?.number
  for (const { number, kind, byteCount, isGrowing } of calls) {
    if (kind === 'name') {
      yield [`call ${number} half`, (call) => (call === number ? 'torn' : 'kept')]
      continue
    }
    if (kind !== 'write') continue
    for (const sectorBytes of byteCount > 4096 ? [512, 4096] : [512]) {
      for (const part of ['left', 'right', 'middle'] as const) {
        for (const grown of isGrowing ? GROWN : OVERWRITTEN) {
          const torn: CallFate = { sectorBytes, part, grown }
          const name = `call ${number} torn at ${sectorBytes}: ${part}, ${grown}`
          yield [name, (call) => (call === number ? torn : 'kept')]
          if (number === last) continue
          yield [
            `${name}, later ones lost`,
            (call) => (call === number ? torn : call < number ? 'kept' : 'lost'),
          ]
        }
      }
    }
  }
}
